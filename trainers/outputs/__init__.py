"""What a trial leaves in its directory.

Events, weights and a result enter; files leave, each whole or not there. `train` and `sweeps`
import it.
"""
