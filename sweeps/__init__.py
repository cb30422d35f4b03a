"""Many trials: configuration, Hydra plugins, trial directories and MLflow."""
