"""The command line: `compactrl.cli.main` runs it, and a file has a group of commands each."""

from compactrl.cli.app import main

__all__ = ["main"]
