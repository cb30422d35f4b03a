"""docs/clusters.md: its commands run as they stand, on small data, with a Slurm and a Ray of ours."""
