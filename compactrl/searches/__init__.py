"""Searches: prepared, run, shipped; what the command line and Python call."""
