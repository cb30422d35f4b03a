"""The configuration, all YAML. Here so that Hydra finds the folder as a module."""
