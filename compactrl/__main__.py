"""`python -m compactrl` is `compactrl`."""

from compactrl.cli import main

main()
