"""Jobs on devices.

Composed jobs enter; what became of each leaves. `orchestrate`, `commands` and the Hydra plugin
import it; it knows nothing of MLflow.
"""
