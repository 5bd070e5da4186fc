"""The command line; `compactrl.cli.main` runs it.

`app` lists the commands and handles errors. The commands are in `searching`, `evaluating`, `reports`, `exporting` and
`looking`, their common options in `parameters`. `progress`, `sentences` and `tables` are what the terminal shows.
What a command needs is imported when it is called: `compactrl --help` answers at once.
"""

from compactrl.cli.app import main

__all__ = ["main"]
