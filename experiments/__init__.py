"""One command for every number in the README."""
