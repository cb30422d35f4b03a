"""Hydra's scan imports every module here at start: keep them light."""
