"""The statements of NAME_step between an observation and its raw outputs, one function a way to compute them.

- `loops`: one loop for all rows of all layers; the smallest code. `--optimize size`.
- `straight`: for a colouring or a mask, a statement a neuron. Inputs of one colour are added first and their weight is
  multiplied once, so that an edge costs an addition, and no table says which weight it takes. `--optimize speed`.
- `blocked`: for an array of floats, four rows at a time, so that an input is loaded once for all. `--optimize speed`.

All add up a row's products in the order of its columns and the bias last, but for `straight`, which adds up by colour.
They take `observation`, and leave the outputs in `result`, through a tanh where all actions are bounded. TANH, RELU and
NAME stand for what the policy calls them.

An observation that is not finite becomes NaN (x - x is 0 only for finite x), which goes through every sum to every
output. Where weights are left out that is not so, and `status` says it.
"""

from __future__ import annotations

from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from compactrl.encodings.dense import ROWS_AT_ONCE, Interleaved
from compactrl.encodings.inputs import PARTS
from compactrl.encodings.plan import Plan, bounds_of
from compactrl.encodings.unrolled import Unrolled
from compactrl.exports.numbers import literal
from compactrl.policies.sharing import split_edges
from compactrl.types import Integers

INDENT = "    "


def body(plan: Plan) -> list[str]:
    """Return the statements, not indented, which end with `result` pointing to the outputs."""
    if isinstance(plan.encoding, Unrolled):
        return straight(plan)
    if isinstance(plan.encoding, Interleaved):
        return blocked(plan)
    return loops(plan)


def hidden(plan: Plan) -> str:
    """Return the function that hidden layers go through."""
    return "RELU" if plan.policy.activation == "relu" else "TANH"


def squashed(plan: Plan) -> bool:
    """Return whether the last layer's outputs all go through a tanh, as a layer; where some do, that is done after."""
    return bounds_of(plan.action) is not None


def loops(plan: Plan) -> list[str]:
    """Return one loop for all rows."""
    shape, snippets = plan.shape, plan.encoding.snippets()
    ends = np.cumsum(shape).tolist()
    begins = snippets.layer or ((),) * (len(shape) - 1)
    turns: list[str] = []
    for number, (end, begin) in enumerate(zip(ends[1:-1], begins[1:], strict=True), start=2):
        turns += [f"if (output == values + {end}) {{ /* on to layer {number} */", f"{INDENT}input = end;"]
        turns += [f"{INDENT}end = output;", *_indented(begin), "}"]
    return [
        f"float values[{ends[-1]}]; /* {', '.join(map(str, shape))} */",
        "float *output = values;",
        "const float *input = values;",
        "const float *end;",
        *snippets.state,
        *plan.stored_biases.snippets().state,
        *_read_observation(plan, "*output++"),
        "end = output;",
        *begins[0],
        "do {",
        *_indented(
            (
                "const float *x = input;",
                "float sum = 0.0f;",
                "do {",
                *_indented((*snippets.term, "x++;")),
                "} while (x != end);",
                *snippets.row_end,
                *_finish_row(plan, ends),
                "*output++ = sum;",
                *turns,
            )
        ),
        f"}} while (output != values + {ends[-1]});",
        "const float *const result = end;",
    ]


def _finish_row(plan: Plan, ends: list[int]) -> list[str]:
    """Return how a row gets its bias, then its activation; what the last layer lacks is for the others alone."""
    last = len(plan.biases) - 1
    biased = [bias is not None for bias in plan.biases]
    steps = [(statement, biased) for statement in plan.stored_biases.snippets().term]
    if hidden(plan) == "TANH" or not squashed(plan) or not last:
        steps.append((f"sum = {hidden(plan) if last else 'TANH'}(sum);", [True] * last + [squashed(plan)]))
    else:
        either = f"sum = output < values + {ends[-2]} ? {hidden(plan)}(sum) : TANH(sum);"
        steps.append((either, [True] * (last + 1)))
    used = [(statement, all(layers)) for statement, layers in steps if any(layers)]
    lines: list[str] = []
    for always, group in groupby(used, key=lambda step: step[1]):
        statements = [statement for statement, _ in group]
        limited = [f"if (output < values + {ends[-2]}) {{", *_indented(tuple(statements)), "}"]
        lines += statements if always else limited
    return lines


def straight(plan: Plan) -> list[str]:
    """Return a statement a neuron, its inputs added by weight."""
    sharing, shape = plan.encoding.sharing, plan.shape
    masks = split_edges(np.ones_like(sharing.index) if sharing.mask is None else sharing.mask, shape)
    indices = split_edges(sharing.index, shape)
    lines = []
    for column in range(shape[0]):
        observed = f"observation[{column}]"
        lines.append(
            f"const float value0_{column} = {_normalized(plan, observed, column)} + ({observed} - {observed});"
        )
    if plan.encoding.skips_inputs:  # a sum with a NaN in it is NaN
        total = " + ".join(f"value0_{column} * 0.0f" for column in range(shape[0]))
        lines.append(f"status = !({total} == 0.0f);")
    last = len(indices) - 1
    read = _read(masks)
    for number, (index, mask, bias) in enumerate(zip(indices, masks, plan.biases, strict=True)):
        active = number < last or squashed(plan)
        for row in np.flatnonzero(read[number + 1]).tolist():
            kept = np.flatnonzero(mask[row])
            terms = []
            for weight in np.unique(index[row, kept]):
                columns = kept[index[row, kept] == weight].tolist()
                added = " + ".join(f"value{number}_{column}" for column in columns)
                terms.append(f"{literal(sharing.weights[weight])} * {added if len(columns) == 1 else f'({added})'}")
            total = " + ".join([*terms, *([literal(bias[row])] if bias is not None else [])]) or "0.0f"
            target = f"result[{row}]" if number == last else f"const float value{number + 1}_{row}"
            function = hidden(plan) if number < last else "TANH"
            lines.append(f"{target} = {f'{function}({total})' if active else total};")
    return [f"float result[{shape[-1]}];", *lines]


def _read(masks: list[Integers]) -> list[NDArray[np.bool_]]:
    """Return which values of each layer, the observation first, any output depends on; all outputs are wanted."""
    read = [np.ones(len(masks[-1]), bool)]
    for mask in reversed(masks):
        read.insert(0, np.asarray((mask[read[0]] > 0).any(axis=0)))
    return read


def _normalized(plan: Plan, observed: str, column: int) -> str:
    """Return an observation as the first layer sees it, its normaliser's numbers in the text."""
    values = {name: literal(numbers[column]) for name, numbers in plan.inputs.numbers().items()}
    return _apply(observed, values)


def _apply(observed: str, values: dict[str, str]) -> str:
    """Return (observed - mean - rest) * scale, of which any part may be missing.

    Example:
        >>> _apply("x", {"mean": "2.0f", "scale": "3.0f"})
        '(x - 2.0f) * 3.0f'
    """
    shifted = " - ".join([observed, *(values[name] for name in ("mean", "rest") if name in values)])
    if "scale" not in values:
        return shifted
    return f"{observed if shifted == observed else f'({shifted})'} * {values['scale']}"


def blocked(plan: Plan) -> list[str]:
    """Return loops that take four rows of a layer at a time; `Interleaved` orders the weights for them."""
    lines = [f"float values0[{plan.shape[0]}];", "float *output = values0;", "const float *weight = NAME_weights;"]
    biased = any(bias is not None for bias in plan.biases)
    lines += ["const float *bias = NAME_biases;"] if biased else []
    lines += _read_observation(plan, "*output++")
    last = len(plan.biases) - 1
    for number, (inputs, outputs) in enumerate(pairwise(plan.shape)):
        lines.append(f"float values{number + 1}[{outputs}];")
        active = number < last or squashed(plan)
        whole, rest = divmod(outputs, ROWS_AT_ONCE)
        for count, rows in ((whole, ROWS_AT_ONCE), (1 if rest else 0, rest)):
            if count:
                begin = 0 if rows == ROWS_AT_ONCE else whole * ROWS_AT_ONCE
                function = (hidden(plan) if number < last else "TANH") if active else ""
                lines += _block(
                    number, inputs, begin, begin + count * rows, rows, plan.biases[number] is not None, function
                )
    return [*_declared_first(lines), f"const float *const result = values{last + 1};"]


def _block(layer: int, inputs: int, begin: int, end: int, rows: int, biased: bool, function: str) -> list[str]:
    sums = [f"sum{row}" for row in range(rows)]
    store = []
    for row, name in enumerate(sums):
        value = f"{name} + *bias++" if biased else name
        store.append(f"values{layer + 1}[i + {row}] = {f'{function}({value})' if function else value};")
    return [
        f"for (i = {begin}; i < {end}; i += {rows}) {{",
        *_indented(
            (
                f"float {', '.join(f'{name} = 0.0f' for name in sums)};",
                f"for (j = 0; j < {inputs}; j++) {{",
                f"{INDENT}const float x = values{layer}[j];",
                *(f"{INDENT}{name} += weight[{row}] * x;" for row, name in enumerate(sums)),
                f"{INDENT}weight += {rows};",
                "}",
                *store,
            )
        ),
        "}",
    ]


def _read_observation(plan: Plan, target: str) -> list[str]:
    """Return the loop that gives the first layer its inputs, with NaN for what is not finite."""
    if (small := plan.inputs.in_bytes) is not None:
        normalized = "x" if small.shifts is None else f"x * ((float)(1uL << NAME_scale[i]) * {literal(small.base)})"
        if small.parts is not None:
            normalized += f" - (float)NAME_mean[i] * {literal(np.float32(1 / PARTS))}"
    else:
        normalized = _apply("x", {name: f"NAME_{name}[i]" for name in plan.inputs.numbers()})
    return [
        f"for (i = 0; i < {plan.shape[0]}; i++) {{",
        f"{INDENT}const float x = observation[i];",
        f"{INDENT}{target} = {normalized} + (x - x);",
        *([f"{INDENT}status |= !(x - x == 0.0f);"] if plan.encoding.skips_inputs else []),
        "}",
    ]


def _declared_first(lines: list[str]) -> list[str]:
    """Return lines with the arrays declared at the top, as C of any age and C++ like it."""
    declared = [line for line in lines if line.startswith("float values")]
    return [*declared, *(line for line in lines if not line.startswith("float values"))]


def _indented(lines: tuple[str, ...]) -> list[str]:
    return [INDENT + line for line in lines]
