"""All architectures of one run: their policies, their table of returns, and the choice of one.

`catalog` opens a run's checkpoint. `evaluation` fills the `table` that is saved in the run. `summary` says what the
table shows, by the rule in `shares`. `choice` ships one architecture.
"""
