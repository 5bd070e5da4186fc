"""Fit: name a robot and budgets, get the best policy that fits each. Candidates are rows, and they race.

- `portfolio`: the rows: what is tried, with which options, on which networks.
- `budgets`: kinds of budgets as rows: bytes, parameters, flash, instructions.
- `sizes`: what a row's policies take of a budget before there are any, and which of them fit.
- `ledger`: what was decided and spent so far, in a file: a fit that was killed goes on from there.
- `stages`: a part of the work is a run on disk, gone on with for an amount of time or steps.
- `candidate`: a policy in the race.
- `entrants`: who enters the race; `architectures`: those of a hypernetwork.
- `field`: all candidates, how they go on, how they are compared.
- `school`: teachers, apprentices, students.
- `race`: rungs of successive halving, the choice.
- `judging`: returns over fresh episodes; `shipping`: what a fit leaves behind; `front`, `figure`: all that was tried.
- `story`, `page`: what a fit has done, as a person reads it.
- `api`: `compactrl.fit`, and its options.
"""
