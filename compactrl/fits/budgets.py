"""Kinds of budgets, a row each: what is limited, how a person writes it, and what a policy takes of it.

The race knows a kind by these alone. A new row is a new limit, on the command line and in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from compactrl.encodings.storage import stored_bytes
from compactrl.errors import CompactrlError, InputError, either, flag_of
from compactrl.exports.taken import flash_of, instructions_of, least_flash
from compactrl.machine.needs import COMPILER, EMULATOR, NEEDS
from compactrl.policies.policy import Policy
from compactrl.quantities import read_count, read_size

INSTRUCTIONS_AN_EDGE = 7
"""At least: two loads, a product, a sum and the loop's own; those that were measured take 10 to 32."""
UNMEASURED = 2**62
"""Size of what cannot be measured: it fits no budget, and may still teach."""
Sizes = int | str | Iterable[int | str]


@dataclass(frozen=True)
class Kind:
    """A row of `KINDS`."""

    name: str
    """In records, where the budget is `max_NAME`."""
    unit: str
    """To stand after a number."""
    meaning: str
    """Of the budget, to stand after its option and a colon."""
    read: Callable[[str], int]
    """How it is written."""
    take: Callable[[Policy], int]
    """What a policy takes of it."""
    at_least: Callable[[Policy], int]
    """No policy takes less than this, which is soon known."""
    needs: tuple[str, ...] = ()
    """What must be installed, of `machine.needs`."""

    def size(self, policy: Policy) -> int:
        """Return what a policy takes, `UNMEASURED` where its C cannot be made."""
        try:
            return self.take(policy)
        except CompactrlError:
            return UNMEASURED

    @property
    def option(self) -> str:
        """As on the command line."""
        return flag_of(f"max_{self.name}")

    def say(self, size: int) -> str:
        """Return a number with its unit.

        Example:
            >>> KINDS["flash"].say(12000)
            '12,000 bytes of flash'
        """
        return f"{size:,} {self.unit}" if size < UNMEASURED else f"an unknown number of {self.unit}"


def _parameters(policy: Policy) -> int:
    return policy.size.parameters


def _least_instructions(policy: Policy) -> int:
    return INSTRUCTIONS_AN_EDGE * policy.skeleton.num_edges


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        row.name: row
        for row in (
            Kind(
                "bytes", "bytes", "what the policy's tables may take, such as 1024, 2kB or 256,512", read_size,
                stored_bytes, stored_bytes,
            ),
            Kind(
                "parameters", "parameters", "how many weights and biases may be stored, such as 100 or 50,100",
                read_count, _parameters, _parameters,
            ),
            Kind(
                "flash", "bytes of flash", "what tables, code and C library may take on a Cortex-M4F, such as 4kB",
                read_size, flash_of, least_flash, (COMPILER, "newlib"),
            ),
            Kind(
                "instructions", "instructions a step", "what a step may take on a Cortex-M4F, such as 5000",
                read_count, instructions_of, _least_instructions, (COMPILER, "newlib", EMULATOR),
            ),
        )
    }
)  # fmt: skip


class Budgets(NamedTuple):
    """One kind, and the sizes asked for."""

    kind: Kind
    sizes: tuple[int, ...]
    """Rising, each once."""


def budgets_of(given: Mapping[str, Sizes | None]) -> Budgets:
    """Return the budgets among these, of which one may be given.

    Args:
        given: kind → a size, several, or None.

    Raises:
        InputError: there is none or more than one, or one is no size.
        CompactrlError: what measures it is not installed.

    Example:
        >>> budgets_of({"bytes": "2kB,512", "flash": None}).sizes, budgets_of({"parameters": [64, "1k"]}).sizes
        ((512, 2000), (64, 1000))
    """
    names = [name for name, sizes in given.items() if sizes is not None]
    options = [KINDS[name].option for name in names]
    if not names:
        bytes_, *others = KINDS.values()
        raise InputError(f"a fit needs {bytes_.option}: {bytes_.meaning}; or {either(kind.option for kind in others)}")
    if len(names) > 1:
        raise InputError(f"{' and '.join(options)}: a fit has one kind of budget, give one of them")
    kind = KINDS[names[0]]
    return Budgets(kind, _sizes(kind, given[kind.name]))


def check_tools(kind: Kind) -> None:
    """Raise CompactrlError where what measures a kind of budget is not installed."""
    for need in kind.needs:
        if not NEEDS[need].found:
            raise CompactrlError(f"{kind.option} is measured with compiled code, and {NEEDS[need].missing}")


def _sizes(kind: Kind, value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        given: Iterable[Any] = value.split(",")
        if "" in map(str.strip, value.split(",")):
            raise InputError(f"{kind.option} {value}: expected sizes with commas between them, such as 256,512")
    else:
        given = value if isinstance(value, Iterable) else [value]
    sizes = {read_positive(kind.option, each, kind.read) for each in given}
    if not sizes:
        raise InputError(f"{kind.option}: expected a size, or several")
    return tuple(sorted(sizes))


def read_positive(option: str, value: Any, read: Callable[[str], int], unit: str = "") -> int:
    """Return a whole number of at least 1.

    Raises:
        InputError: it is none.
    """
    text = f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)
    try:
        number = read(text.strip())
    except ValueError as error:
        raise InputError(f"{option} {value}: {error}") from error
    if number < 1:
        raise InputError(f"{option} {value}: expected at least 1{unit and f' {unit}'}")
    return number
