"""What a trial leaves in its directory.

Events, weights and a result enter; files leave, each written atomically. `train` and `sweeps`
import it.
"""
