"""`--format onnx`: a policy as one ONNX file, observation (batch, O) → action (batch, A), normaliser and bounds inside.

All in single precision, as microcontrollers and accelerators have it; the normaliser is kept as it is. A discrete
action is an int64 (batch,), and integers are int64 (batch, A). The file is checked with ONNX's own checker and, in
onnxruntime, against the Python policy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compactrl.encodings.plan import FOLD_TOLERANCE, as_rows
from compactrl.encodings.storage import plain_bytes
from compactrl.errors import CompactrlError, InputError
from compactrl.exports.c import clips
from compactrl.exports.vectors import tolerances
from compactrl.machine.needs import NEEDS
from compactrl.policies.actions import ActionSpec
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import Singles
from compactrl.versions import VERSION

OPSET = 11
"""The lowest set of operators that has those used here, as they are used here: `Round` is new in it, and a `Gemm` may
go without its third input. Runtimes read what is older than they are and refuse what is newer: the oldest that
pyproject.toml allows, onnxruntime 1.22, reads sets up to 22 and formats of the file (IR) up to 10; vendors' compilers
for accelerators are years behind that."""
NEXT_TO_EVEN = 1e-3
"""Share of discrete actions, or of an action's integers, that may be others."""
TENSOR_INT64 = 7
"""ONNX's number for the type."""


def onnx_model(policy: Policy, name: str, provenance: str) -> Any:
    """Return the model.

    Raises:
        InputError: the package onnx is not installed.
    """
    onnx, _ = _packages()
    from onnx import TensorProto, helper

    graph = _Graph(helper)
    mean, std = policy.normalizer
    value = graph.add("Sub", "observation", graph.constant("mean", mean))
    rest = mean - mean.astype(np.float32)
    if (np.abs(rest) > FOLD_TOLERANCE * std).any():  # a mean that single precision rounds by too much is in two parts
        value = graph.add("Sub", value, graph.constant("rest", rest))
    value = graph.add("Div", value, graph.constant("std", std))
    for number, (weight, bias) in enumerate(policy.layers):
        inputs = [value, graph.constant(f"weight{number}", weight)]
        inputs += [] if bias is None else [graph.constant(f"bias{number}", bias)]
        value = graph.add("Gemm", *inputs, transB=1)
        if number < len(policy.layers) - 1:
            value = graph.add("Relu" if policy.activation == "relu" else "Tanh", value)
    action, discrete = policy.action, policy.action.kind == "discrete"
    if discrete:
        value = graph.add("ArgMax", value, axis=1, keepdims=0)
        value = graph.add("Add", value, graph.constant("start", np.array(action.start), np.int64))
    elif action.dtype or not action.free.all():
        value = _bounded(graph, action, value)
    graph.add("Identity", value, output="action")
    kind_and_shape: tuple[Any, list[Any]] = (TensorProto.INT64, ["batch"])
    if not discrete:
        kind_and_shape = (TensorProto.INT64 if action.dtype else TensorProto.FLOAT, ["batch", policy.shape[-1]])
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", policy.shape[0]])],
            [helper.make_tensor_value_info("action", *kind_and_shape)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="compactrl",
        producer_version=VERSION,
        doc_string=provenance,
    )
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)
    onnx.checker.check_model(model, full_check=True)
    return model


def _bounded(graph: _Graph, action: ActionSpec, value: str) -> str:
    """Add what turns raw outputs into the actions of a box; return its name."""
    center, half = action.scaling
    squashed = graph.add("Tanh", value)
    if not action.squashed.all():
        squashed = graph.add("Where", graph.constant("squashed", action.squashed, np.bool_), squashed, value)
    value = graph.add("Mul", squashed, graph.constant("half", half))
    value = graph.add("Add", value, graph.constant("center", center))
    if action.squashed.all() and not action.dtype:
        return value
    low, high = clips(action)
    value = graph.add("Round", value) if action.dtype else value
    value = graph.add("Max", value, graph.constant("low", low))
    value = graph.add("Min", value, graph.constant("high", high))
    return graph.add("Cast", value, to=TENSOR_INT64) if action.dtype else value


def onnx_bytes(policy: Policy) -> int:
    """Return the bytes of the model's numbers, a float each: weights of all edges, biases, and the normaliser."""
    return plain_bytes(policy.skeleton.num_edges + policy.skeleton.num_biases + 2 * policy.shape[0])


def check_onnx(content: bytes, policy: Policy, observations: Singles) -> float:
    """Return the largest difference of an action from Python's in onnxruntime, over observations (B, O).

    Raises:
        CompactrlError: an action is over its tolerance.
        InputError: the package onnxruntime is not installed.
    """
    _, runtime = _packages()
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    actions = as_rows(session.run(["action"], {"observation": observations})[0])
    alone = as_rows(session.run(["action"], {"observation": observations[:1]})[0])  # the batch is free
    difference = np.abs(actions - as_rows(policy(observations)))
    largest = float(difference.max(initial=0.0))
    allowed = tolerances(policy.action)
    # Where two outputs, or two integers, are next to even, rounding decides.
    decided = policy.action.kind == "discrete" or policy.action.dtype
    wrong = (difference > allowed).mean(axis=0).max() > (NEXT_TO_EVEN if decided else 0)
    if wrong or (np.abs(alone - actions[:1]) > allowed).any():
        worst = np.unravel_index(np.argmax(difference > allowed), difference.shape)
        raise CompactrlError(
            f"the ONNX file is not the policy: in onnxruntime an action differs by {difference[worst]:.3g}, more than "
            f"{allowed[worst[1]]:.1g}"
        )
    return largest


def _packages() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise InputError(f"--format onnx: {error}; install them with: {NEEDS['onnx'].install}") from error
    return onnx, onnxruntime


class _Graph:
    """Nodes and constants while a graph is put together."""

    def __init__(self, helper: Any) -> None:
        self._helper = helper
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, values: Any, kind: Any = np.float32) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node and return its output's name."""
        name = output or f"value{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(operator, list(inputs), [name], **attributes))
        return name
