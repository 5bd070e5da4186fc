"""Learners improve theta; `evolution` by an evolution strategy."""
