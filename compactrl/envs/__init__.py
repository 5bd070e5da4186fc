"""Environments: what compactrl must know of one before it can search, and toy ones with known answers."""
