"""Engines: what steps many environments at once."""
