"""Evaluation: plain MLPs in environments, and nothing else."""
