"""Decoders: from the states of an MLP's nodes to its weights and biases.

Weights W (outputs, inputs) and biases b = tanh(0.2 · p) come from the states h of a layer's weight node and bias node.

`dense`, the paper's: h → 64 → 128 → the largest matrix there is, cut to the layer's shape, times sqrt(2 / inputs) as in
the public code of Hegde & Sukhatme 2022. Its last map is 99.8 % of 33.9 M parameters. Entries that the cut drops are
not computed. Observations wider than the widest layer get a matrix as wide as they are (the public code repeats the
narrower one, which ties inputs).

`bilinear`, ours: a small core M (r, r) is decoded, and every row and every column of a matrix has a code of r numbers,

    W = 2 / max(inputs, 4 r) · R M Cᵀ,  p = R' m

Units of hidden layers, observations and outputs have codes of their own. While training the matrix is never built:
x → ((x C) Mᵀ) Rᵀ costs r (inputs + outputs) + r² a row in place of inputs · outputs.

All shapes share the codes, so one shape learns something of use to another only where the same codes do the same in
both. That is what the scale and the first values are for. The rows begin as orthogonal bases, the columns as the same
bases, the cores near the identity. Then Cᵀ relu(R z), a sum over the units whose linear half is inputs / 2 · z, gives
z back. Every policy, however deep or wide, begins as nearly one function, of which narrow layers are coarser samples.
With random codes at the scale sqrt(2 / inputs) each policy would begin as another function.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from compactrl.hypernetworks.lowrank import Batch, LowRankNetwork
from compactrl.networks.layout import linear
from compactrl.types import Floats

CORE = 0.1
"""How far apart the first cores are, in torch's usual scale of a linear layer."""

Parameters = dict[str, Tensor]
Matrices = list[tuple[Tensor, Tensor]]
"""Weight (outputs, inputs) and bias (outputs,) of each layer."""


class Decoder(ABC):
    """Writes the layers of MLPs.

    Args:
        observation: O.
        outputs: width of the last layer while training.
        widest: the widest hidden layer there is.
        size: H, numbers of a node's state.
        rank: r, where the decoder has one.
    """

    name: ClassVar[str]

    def __init__(self, observation: int, outputs: int, widest: int, size: int, rank: int) -> None:
        self.observation, self.outputs, self.widest, self.size, self.rank = observation, outputs, widest, size, rank

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the decoder's parameters by name."""

    @abstractmethod
    def initial(self, generator: np.random.Generator) -> dict[str, Floats]:
        """Draw the first parameters by name."""

    @abstractmethod
    def matrices(self, p: Parameters, states: Tensor, batch: Batch) -> list[Matrices]:
        """Return every layer of every MLP, from the states of their nodes (n, S, H)."""

    @abstractmethod
    def network(self, p: Parameters, states: Tensor, batch: Batch) -> Any:
        """Return the MLPs as one function of observations (n, B, O) → (n, B, outputs)."""


class Dense(Decoder):
    """The paper's decoder."""

    name = "dense"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the decoder's parameters by name."""
        rows, columns = max(self.widest, self.outputs), max(self.widest, self.observation)
        return {
            "weight1_weight": (64, self.size),
            "weight1_bias": (64,),
            "weight2_weight": (128, 64),
            "weight2_bias": (128,),
            "matrix_weight": (rows, columns, 128),
            "matrix_bias": (rows, columns),
            "bias1_weight": (32, self.size),
            "bias1_bias": (32,),
            "vector_weight": (rows, 32),
            "vector_bias": (rows,),
            "output_weight": (self.outputs, rows),
            "output_bias": (self.outputs,),
        }

    def initial(self, generator: np.random.Generator) -> dict[str, Floats]:
        """Draw the first parameters by name, as torch's layers do."""
        drawn: dict[str, Floats] = {}
        for name, shape in self.shapes().items():
            if name.endswith("_weight"):
                layer = name.removesuffix("_weight")
                inputs = shape[-1]
                values = linear(generator, int(np.prod(shape[:-1])), inputs)
                drawn[f"{layer}_weight"] = values["weight"].reshape(shape)
                drawn[f"{layer}_bias"] = values["bias"].reshape(shape[:-1])
        return drawn

    def matrices(self, p: Parameters, states: Tensor, batch: Batch) -> list[Matrices]:
        """Return every layer of every MLP, from the states of their nodes (n, S, H)."""
        functional = torch.nn.functional
        hidden = functional.linear(states, p["weight1_weight"], p["weight1_bias"]).relu()
        hidden = functional.linear(hidden, p["weight2_weight"], p["weight2_bias"]).relu()  # (n, S, 128)
        biases = functional.linear(states, p["bias1_weight"], p["bias1_bias"]).relu()
        networks = []
        for widths, codes, bias_codes in zip(batch.architectures, hidden, biases, strict=True):
            layers: Matrices = []
            inputs = self.observation
            for number, outputs in enumerate((*widths, self.outputs)):
                place = 1 + 2 * number
                weight = p["matrix_weight"][:outputs, :inputs] @ codes[place] + p["matrix_bias"][:outputs, :inputs]
                if number < len(widths):
                    bias = functional.linear(
                        bias_codes[place + 1], p["vector_weight"][:outputs], p["vector_bias"][:outputs]
                    )
                else:
                    vector = functional.linear(bias_codes[place + 1], p["vector_weight"], p["vector_bias"]).relu()
                    bias = functional.linear(vector, p["output_weight"], p["output_bias"])
                layers.append(((2 / inputs) ** 0.5 * weight, torch.tanh(0.2 * bias)))
                inputs = outputs
            networks.append(layers)
        return networks

    def network(self, p: Parameters, states: Tensor, batch: Batch) -> NetworksInTurn:
        """Return the MLPs as one function."""
        return NetworksInTurn(self.matrices(p, states, batch))


class NetworksInTurn:
    """MLPs one after the other: observations (n, B, O) → (n, B, outputs)."""

    def __init__(self, networks: list[Matrices]) -> None:
        self._networks = networks

    def __call__(self, observations: Tensor) -> Tensor:
        """Return the raw outputs."""
        outputs = []
        for x, layers in zip(observations, self._networks, strict=True):
            for number, (weight, bias) in enumerate(layers):
                x = torch.nn.functional.linear(x, weight, bias)
                x = x.relu() if number < len(layers) - 1 else x
            outputs.append(x)
        return torch.stack(outputs)


class Bilinear(Decoder):
    """Row codes, a small core, column codes."""

    name = "bilinear"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the decoder's parameters by name."""
        r = self.rank
        return {
            "core1_weight": (64, self.size),
            "core1_bias": (64,),
            "core2_weight": (r * r, 64),
            "core2_bias": (r * r,),
            "bias1_weight": (64, self.size),
            "bias1_bias": (64,),
            "bias2_weight": (r, 64),
            "bias2_bias": (r,),
            "inputs": (r, self.observation),
            "columns": (r, self.widest),
            "rows": (self.widest, r),
            "outputs": (self.outputs, r),
            "bias_rows": (self.widest, r),
            "bias_outputs": (self.outputs, r),
        }

    def initial(self, generator: np.random.Generator) -> dict[str, Floats]:
        """Draw the first parameters by name, so that hidden layers pass on what they get.

        Outputs start small, for actions near the middle and a standard deviation near 1.
        """
        r, size = self.rank, self.size
        drawn = {
            f"{name}_{part}": values
            for name, outputs, inputs in (
                ("core1", 64, size),
                ("core2", r * r, 64),
                ("bias1", 64, size),
                ("bias2", r, 64),
            )
            for part, values in linear(generator, outputs, inputs).items()
        }
        drawn["core2_weight"] *= CORE
        drawn["core2_bias"] = np.eye(r).ravel()
        for name in ("inputs", "outputs", "bias_rows", "bias_outputs"):
            drawn[name] = generator.standard_normal(self.shapes()[name])
        drawn["rows"] = _bases(generator, self.widest, r)
        drawn["columns"] = drawn["rows"].T.copy()
        drawn["inputs"] *= 0.1
        drawn["outputs"] *= 0.1
        drawn["bias_outputs"] *= 0.1
        return drawn

    def matrices(self, p: Parameters, states: Tensor, batch: Batch) -> list[Matrices]:
        """Return every layer of every MLP, from the states of their nodes (n, S, H)."""
        cores, codes = self._decode(p, states, batch)
        networks: list[Matrices] = []
        for widths, (*places, last) in zip(batch.architectures, batch.places, strict=True):
            layers: Matrices = []
            columns = p["inputs"]
            for outputs, place in zip(widths, places, strict=True):
                bias = torch.tanh(0.2 * (p["bias_rows"][:outputs] @ codes[place]))
                layers.append((p["rows"][:outputs] @ cores[place] @ columns, bias))
                columns = p["columns"][:, :outputs]
            bias = torch.tanh(0.2 * (p["bias_outputs"] @ codes[last]))
            layers.append((p["outputs"] @ cores[last] @ columns, bias))
            networks.append(layers)
        return networks

    def network(self, p: Parameters, states: Tensor, batch: Batch) -> LowRankNetwork:
        """Return the MLPs as one function."""
        cores, codes = self._decode(p, states, batch)
        return LowRankNetwork.of(p, cores, codes, batch)

    def _decode(self, p: Parameters, states: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return every layer's core (L + n, r, r), scaled, and code of biases (L + n, r)."""
        functional = torch.nn.functional
        of_weights, of_biases = states.reshape(-1, states.shape[-1]).index_select(0, batch.nodes).chunk(2)
        weights = functional.linear(of_weights, p["core1_weight"], p["core1_bias"]).relu()
        cores = functional.linear(weights, p["core2_weight"], p["core2_bias"]).view(-1, self.rank, self.rank)
        biases = functional.linear(of_biases, p["bias1_weight"], p["bias1_bias"]).relu()
        codes = functional.linear(biases, p["bias2_weight"], p["bias2_bias"])
        scale = 2 / batch.inputs.clamp(min=4 * self.rank)
        scale[: len(batch.architectures)] = (2 / self.observation) ** 0.5  # first layers come first
        return cores * scale[:, None, None], codes


def _bases(generator: np.random.Generator, count: int, size: int) -> Floats:
    """Draw vectors (count, size) whose entries have variance 1: random orthogonal bases, one after the other."""
    drawn = [np.linalg.qr(generator.standard_normal((size, size)))[0] for _ in range(-(-count // size))]
    bases: Floats = size**0.5 * np.concatenate(drawn)[:count]
    return bases


DECODERS: dict[str, type[Decoder]] = {decoder.name: decoder for decoder in (Bilinear, Dense)}
