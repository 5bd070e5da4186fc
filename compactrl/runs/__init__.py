"""A run's folder: written by a search, read by everything else."""
