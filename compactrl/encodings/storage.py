"""Bytes: what the tables of an export take for a policy. Search, catalogue, report and export all mean this number.

Counted are the tables of weights, of which edge takes which, of biases, and of what must be kept of the normaliser. Not
counted are the code that reads them and the bounds of actions: `compactrl export --max-flash` is for the whole. Bits
by the paper's formula are another number (`compactrl.policies.size`).
"""

from __future__ import annotations

from functools import lru_cache

from compactrl.encodings.formats import AUTO, choose
from compactrl.encodings.plan import make_plan
from compactrl.policies.policy import Policy

FLOAT_BYTES = 4
"""Of a number in single precision."""


@lru_cache(maxsize=8)
def stored_bytes(policy: Policy) -> int:
    """Return the bytes of a policy's tables in the smallest format that changes no weight."""
    return make_plan(policy, choose(AUTO, policy.sharing)).table_bytes


def plain_bytes(parameters: int) -> int:
    """Return the bytes of so many weights and biases that share nothing, where the normaliser goes into them."""
    return FLOAT_BYTES * parameters
