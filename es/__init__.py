"""Evolution strategies on a flat vector: ask for candidates, tell their returns; all maximise.

A strategy knows nothing of robots, networks or designs, and this package imports nothing else of
the project. The strategies differ in how a population is drawn and in what is learned from its
returns:

| name | population | learns | file |
|---|---|---|---|
| `finite-difference` | perturbed and exact evaluations | centre, by forward differences | `finite_difference.py` |
| `antithetic` | mirrored pairs | centre, as OpenAI-ES and ARS do | `antithetic.py` |
| `pgpe` | mirrored pairs | centre and standard deviations, by ClipUp | `pgpe.py` |
| `cem` | independent | centre and standard deviations of the best | `cem.py` |
| `cmaes` | independent | centre, step size and covariances | `cmaes.py` |

Example:
    >>> import numpy as np
    >>> from es import STRATEGIES
    >>> Strategy = STRATEGIES["antithetic"]
    >>> strategy = Strategy(np.zeros(3), 20, Strategy.Options(), np.random.SeedSequence(0))
    >>> for _ in range(300):
    ...     candidates = strategy.ask()  # (n, P)
    ...     metrics = strategy.tell(-((candidates - 1.0) ** 2).sum(axis=1))
    >>> bool(np.abs(strategy.center - 1.0).max() < 0.2)
    True
"""

from es.antithetic import Antithetic
from es.cem import CEM
from es.cmaes import CMAES
from es.finite_difference import FiniteDifference
from es.pgpe import PGPE
from es.strategy import EvolutionStrategy, Options

STRATEGIES: dict[str, type[EvolutionStrategy]] = {
    strategy.name: strategy for strategy in (FiniteDifference, Antithetic, PGPE, CEM, CMAES)
}
"""Name on the command line -> class; choices, help, documentation and tests derive from it."""

__all__ = [
    "CEM",
    "CMAES",
    "PGPE",
    "STRATEGIES",
    "Antithetic",
    "EvolutionStrategy",
    "FiniteDifference",
    "Options",
]
