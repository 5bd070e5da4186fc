"""Policies: what ships, what it costs to store, how its outputs become actions, and its files."""
