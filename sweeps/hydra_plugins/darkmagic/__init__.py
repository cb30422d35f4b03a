"""Plugins of Hydra, whose scan imports every module here at start: keep them light."""
