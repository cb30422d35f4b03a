"""Jobs of a sweep on a Slurm cluster, submitted by submitit.

Published jobs enter; they are run by tasks of job arrays, and why one will never be leaves. Hydra's
plugin and `commands` import it.
"""
