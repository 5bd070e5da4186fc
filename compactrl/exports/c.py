"""A plan as C99 that is also C++: policy.h, policy.c, policy_test.c and vectors.h, as text.

No allocation, no input or output, no writable globals; tables are const. `kernels` has the statements, the templates
what stands around them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.encodings.grid import GridPlan
from compactrl.encodings.plan import Plan, bounds_of
from compactrl.encodings.tables import Table
from compactrl.errors import InputError
from compactrl.exports.kernels import INDENT, body, squashed
from compactrl.exports.numbers import lines, literal, spelled
from compactrl.exports.observations import describe_observations
from compactrl.exports.tanh import CLAMP, DENOMINATOR, NUMERATOR, Tanh, horner
from compactrl.exports.vectors import Vectors, tolerances
from compactrl.policies.actions import LARGEST, ActionSpec
from compactrl.policies.sharing import Singles
from compactrl.types import Floats
from compactrl.versions import VERSION

RESERVED = """auto break case char const continue default do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
while asm bool catch class delete explicit export false friend mutable namespace new operator private
protected public template this throw true try typename using virtual and or not xor main"""
"""Words of C and C++ that no name may be."""
LONGEST_NAME = 48
EXACT = 2**24
"""Up to here single precision has every integer."""


@dataclass(frozen=True)
class Program:
    """What the C files say of a policy, beside its numbers."""

    plan: Plan
    tanh: Tanh
    vectors: Vectors
    visited: Singles
    """(B, O) states that the policy visits."""
    name: str
    """A C identifier, before all that the linker sees."""
    provenance: str
    """Which run, and which policy of it."""
    stem: str = "policy"
    """Of the files' names."""
    main: bool = True
    """Whether the self-test is a program, too."""
    environment: Mapping[str, Any] = field(default_factory=dict)
    """Options that the policy's environment was made with."""
    setpoints: str = "full"
    """What a Crazyflie is told of its goal: `position`, or `full`, its velocity as well."""

    @property
    def action_size(self) -> int:
        """How many numbers an action has; a discrete one is one number."""
        return 1 if self.plan.action.kind == "discrete" else self.plan.shape[-1]

    def files(self) -> dict[str, str]:
        """Return the four files, by name."""
        return {
            f"{self.stem}.h": self._render("policy.h"),
            f"{self.stem}.c": self._render("policy.c"),
            f"{self.stem}_test.c": self._render("policy_test.c"),
            self._vectors: self._render("vectors.h"),
        }

    @property
    def _vectors(self) -> str:
        return "vectors.h" if self.stem == "policy" else f"{self.stem}_vectors.h"

    def _render(self, file: str) -> str:
        return render(f"{file}.j2", **self._context(), guard=f"{self.name}_{file}".upper().replace(".", "_"))

    def _context(self) -> dict[str, Any]:
        plan = self.plan
        neutral, allowed = neutral_action(plan), tolerances(plan.action)
        statements = [*body(plan), *actions(plan)]
        called = [line.replace("TANH", self.tanh.call).replace("RELU", "NAME_relu") for line in statements]
        named = [line.replace("NAME_", f"{self.name}_") for line in called]
        uses_tanh = any(self.tanh.call.replace("NAME", self.name) + "(" in line for line in named)
        uses_libm = any("rintf(" in line for line in named) or (uses_tanh and "math.h" in self.tanh.includes)
        includes = ("math.h",) if uses_libm else ()
        declared, rest = split_declarations(named)
        return {
            "title": f"The policy {self.name} for {plan.policy.env}",
            "version": VERSION,
            "provenance": self.provenance,
            "name": self.name,
            "upper": self.name.upper(),
            "header": f"{self.stem}.h",
            "source": f"{self.stem}.c",
            "vectors": self._vectors,
            "main": self.main,
            "shape": plan.shape,
            "activation": plan.policy.activation,
            "relu": any(f"{self.name}_relu(" in line for line in named),
            "action_size": self.action_size,
            "tanh": self.tanh if uses_tanh else self.tanh._replace(name="none", note="none"),
            "includes": includes,
            "tables": plan.tables() + action_tables(plan),
            "weights_note": f"{len(plan.sharing.weights)} distinct weights, stored as {plan.encoding.name}",
            "neutral": neutral_note(plan),
            "tolerance": f"{allowed[0]:.3g}",
            "tolerance_literal": literal(allowed[0]),
            "tolerances": allowed.tolist() if len(set(allowed.tolist())) > 1 else [],
            "tolerance_elements": lines(spelled(allowed, "float")),
            "vector_count": len(self.vectors.observations),
            "vector_observations": [lines(spelled(row, "float"), INDENT * 2) for row in self.vectors.observations],
            "vector_actions": [lines(spelled(row, "float"), INDENT * 2) for row in self.vectors.actions],
            "neutral_elements": lines(spelled(neutral, "float"), INDENT * 2),
            "names_source": describe_observations(plan.policy.env, plan.shape[0], plan.policy.names).source,
            "observations": observation_rows(plan, self.visited),
            "actions": action_rows(plan),
            "clamp": literal(CLAMP),
            "numerator": horner(tuple(map(literal, NUMERATOR)), "z"),
            "denominator": horner(tuple(map(literal, DENOMINATOR)), "z"),
            "grid": grid_words(plan) if isinstance(plan, GridPlan) else None,
            "vector_contexts": "" if self.vectors.contexts is None else lines(spelled(self.vectors.contexts, "float")),
            "declarations": [*_counters(rest), "int status = 0;", *declared],
            "statements": rest,
        }


def grid_words(plan: GridPlan) -> dict[str, Any]:
    """Return what the C says of contexts on a grid."""
    grid = plan.grid
    middle = float(np.float32((grid.low + grid.high) / 2))
    place, share = grid.place(middle)
    return {
        "between": grid.between,
        "count": grid.count,
        "place": place,
        "share": literal(np.float32(share)),
        "low": literal(np.float32(grid.low)),
        "scale": literal(grid.scale),
        "last": literal(np.float32(grid.count - 1)),
        "before_last": literal(np.float32(grid.count - 2)),
        "what": grid.name,
        "range": f"{grid.low:g} to {grid.high:g}",
        "how": "of which the nearest acts" if grid.between == "nearest" else "interpolated between two neighbours",
        "middle": f"{middle:g}",
        "middle_literal": literal(np.float32(middle)),
    }


def check_name(name: str) -> str:
    """Return a name that C and C++ take before an underscore.

    Raises:
        InputError: it is no identifier.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED.split() or len(name) > LONGEST_NAME:
        raise InputError(
            f"--name {name!r}: expected a C identifier of at most {LONGEST_NAME} letters, digits and underscores that "
            "begins with a letter, such as my_policy"
        )
    return name


def split_declarations(statements: list[str]) -> tuple[list[str], list[str]]:
    """Return the leading declarations of variables, and the rest."""
    count = 0
    while count < len(statements) and re.match(r"(const )?(float|int|u?int\d+_t) ", statements[count]):
        count += 1
    return statements[:count], statements[count:]


def _counters(statements: list[str]) -> list[str]:
    """Return the declaration of the loop counters in use."""
    used = [name for name in ("i", "j") if any(f"for ({name} = " in line for line in statements)]
    return [f"int {', '.join(used)};"] if used else []


def neutral_action(plan: Plan) -> Floats:
    """Return the action where none can be computed, (A,): the bounds' middle, or 0, or the first discrete one."""
    action = plan.action
    if action.kind == "discrete":
        return np.array([float(action.start)])
    center = action.scaling[0]
    return np.clip(np.rint(center) if action.dtype else center, *clips(action))


def neutral_note(plan: Plan) -> str:
    """Say what the neutral action is."""
    action = plan.action
    if bounds_of(action) is not None or (action.kind == "discrete" and action.start):
        return "the middle of its bounds"
    if action.kind == "discrete" or action.free.all():
        return "0"
    return "the middle of its bounds, or what is nearest to 0 where it has not two"


def clips(action: ActionSpec) -> tuple[Floats, Floats]:
    """Return what the actions of a box are clipped to, (A,) each, in single precision and so never outside."""
    low, high = (np.clip(limit, -LARGEST, LARGEST) for limit in action.clips)
    singles = low.astype(np.float32), high.astype(np.float32)
    low = np.where(singles[0] < low, np.nextafter(singles[0], np.float32(np.inf)), singles[0])
    high = np.where(singles[1] > high, np.nextafter(singles[1], np.float32(-np.inf)), singles[1])
    return low.astype(np.float64), high.astype(np.float64)


def action_numbers(action: ActionSpec) -> list[Table]:
    """Return what outputs become actions by, a number an action: empty where they are the actions."""
    if action.kind == "discrete" or (action.free.all() and not action.dtype):
        return []
    numbers = [(action.scaling[0], "center", "of each action"), (action.scaling[1], "half", "width of each action")]
    tables = [Table(name, "float", values.astype(np.float32), meaning) for values, name, meaning in numbers]
    if not action.squashed.all():
        squashed = action.squashed.astype(np.uint8)
        tables.append(Table("squashed", "uint8_t", squashed, "whether each action goes through a tanh"))
    if action.dtype or not action.squashed.all():
        for name, values in zip(("low", "high"), clips(action), strict=True):
            tables.append(Table(name, "float", values.astype(np.float32), f"{name}est value of each action"))
    return tables


def action_tables(plan: Plan) -> list[Table]:
    """Return the tables of `action_numbers` that differ between actions."""
    return [table for table in action_numbers(plan.action) if len(set(table.values.tolist())) > 1]


def actions(plan: Plan) -> list[str]:
    """Return the statements that turn `result` into the action."""
    size = plan.shape[-1]
    if plan.action.kind == "discrete":
        start = f"{plan.action.start} + best" if plan.action.start else "best"
        return [
            "int best = 0;",
            f"for (i = 0; i < {size}; i++) {{",
            f"{INDENT}status |= !(result[i] - result[i] == 0.0f);",
            "}",
            f"for (i = 1; i < {size}; i++) {{",
            f"{INDENT}if (!status && result[i] > result[best]) {{",
            f"{INDENT * 2}best = i;",
            f"{INDENT}}}",
            "}",
            f"action[0] = (float)({start});",
        ]
    numbers = {table.name: table.values for table in action_numbers(plan.action)}
    tables = {table.name for table in action_tables(plan)}
    spelled_out = {name: f"NAME_{name}[i]" if name in tables else literal(each[0]) for name, each in numbers.items()}
    scaled = "value"
    for name, sign, nothing in (("half", "*", 1), ("center", "+", 0)):
        if name in tables or (name in numbers and numbers[name][0] != nothing):
            scaled += f" {sign} {spelled_out[name]}"
    finite = "value == value" if squashed(plan) else "value - value == 0.0f"
    wrong = f"!({finite})" + (" || status" if plan.encoding.skips_inputs else "")
    return [
        f"for (i = 0; i < {size}; i++) {{",
        f"{INDENT}float value = result[i];",
        f"{INDENT}if ({wrong}) {{",
        f"{INDENT}{INDENT}value = 0.0f;",
        f"{INDENT}{INDENT}status = 1;",
        f"{INDENT}}}",
        *(INDENT + line for line in _written(scaled, numbers, spelled_out, bool(plan.action.dtype))),
        "}",
    ]


def _written(scaled: str, numbers: dict[str, NDArray[Any]], spelled_out: dict[str, str], rounded: bool) -> list[str]:
    """Return the statements that write an action, of `action_numbers` and how each is spelled."""
    lines = []
    if "squashed" in numbers and numbers["squashed"].any():  # else all are, in the last layer, or none is
        lines += [f"if ({spelled_out['squashed']}) {{", f"{INDENT}value = TANH(value);", "}"]
    limited = [
        f"value = value {sign} {spelled_out[name]} ? {spelled_out[name]} : value;"
        for name, sign, none in (("low", "<", -LARGEST), ("high", ">", LARGEST))
        if name in numbers and (numbers[name] != none).any()
    ]
    if not limited:
        return [*lines, f"action[i] = {scaled};"]
    scaled = f"rintf({scaled})" if rounded else scaled
    return [*lines, *([f"value = {scaled};"] if scaled != "value" else []), *limited, "action[i] = value;"]


def observation_rows(plan: Plan, visited: Singles) -> list[str]:
    """Return a line of the header for each observation."""
    mean, std = plan.policy.normalizer
    names = describe_observations(plan.policy.env, len(mean), plan.policy.names).names
    low = visited.min(axis=0) if len(visited) else np.full(len(mean), np.nan)
    high = visited.max(axis=0) if len(visited) else np.full(len(mean), np.nan)
    digits = _digits(mean, std)
    return [
        f"{place:<7} {mean[place]:<13.{digits[place]}g} {std[place]:<13.6g} {low[place]:<13.{digits[place]}g} "
        f"{high[place]:<14.{digits[place]}g} {names[place]}"
        for place in range(len(mean))
    ]


def _digits(mean: Floats, std: Floats) -> list[int]:
    """Return how many digits an observation has that is told apart where it varies: 6 or more, at most 17."""
    beyond = np.log10(np.maximum(np.abs(mean) / std, 1.0))
    return [int(digits) for digits in np.clip(np.ceil(beyond) + 3, 6, 17)]


def action_rows(plan: Plan) -> list[str]:
    """Return lines of the header on what the action's numbers are."""
    action = plan.action
    if action.kind == "discrete":
        last = action.start + action.choices - 1
        return [f"0: the number of the chosen action, {action.start} … {last}".replace("…", "to")]
    kind = ", a whole number" if action.dtype else ""
    rows = [f"{place}: {_range(*limits)}{kind}" for place, limits in enumerate(zip(*action.limits, strict=True))]
    note = f"Whole numbers are rounded to the nearest; a float holds them exactly up to {EXACT}."
    return [*rows, note] if action.dtype else rows


def _range(low: float, high: float) -> str:
    """Say what one action may be; a tanh keeps it there where it has both bounds."""
    if np.isfinite(low) and np.isfinite(high):
        return f"{low:.6g} to {high:.6g}"
    if np.isfinite(low):
        return f"clipped to at least {low:.6g}"
    return f"clipped to at most {high:.6g}" if np.isfinite(high) else "unbounded"


@cache
def _templates() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("compactrl.exports"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C, not HTML; what others wrote goes through `comment`
    )
    made.filters["comment"] = comment
    made.filters["elements"] = lambda table: lines(spelled(table.values, table.type))
    return made


def render(template: str, **context: Any) -> str:
    """Return a template of this package filled in."""
    return str(_templates().get_template(template).render(context))


def comment(text: Any) -> str:
    """Return text that cannot end the C comment it stands in.

    Example:
        >>> comment("a */ int x; /*" + chr(10) + "b")
        'a * / int x; / * b'
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/").replace("??", "? ?").rstrip()
