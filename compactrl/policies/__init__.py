"""Policies: what ships, how much it takes to store, how its outputs become actions, and its files."""
