"""Plain networks: their parameters as one flat vector, forward passes of many at once, and Adam."""
