"""Jobs of a sweep on a Ray cluster, by Ray's own API.

Published jobs enter; they are run by Ray's tasks, and why one will never be leaves. Hydra's plugin
imports it, when it launches: Ray is an extra.
"""
