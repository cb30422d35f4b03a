"""Jobs on devices.

Composed jobs enter; how each ended leaves. `orchestrate`, `commands` and the Hydra plugin
import it; it knows nothing of MLflow.
"""
