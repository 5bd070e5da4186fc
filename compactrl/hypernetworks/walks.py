"""A pass of messages along the nodes of chains, in numpy, and its gradient written out.

The equations and why this is not torch's to compute are in `gnn.py`. The recurrence is twenty dependent steps on a few
numbers, so that buffers are made once and every operation writes into one. Biases are a last column of weights, and
their inputs a column of ones.

Letters: k nodes along the way, n chains, H numbers of a state.
"""

from __future__ import annotations

import numpy as np

from compactrl.types import Floats


def walk_layers(weights: list[Floats]) -> list[Floats]:
    """Return what a walk multiplies by.

    Args:
        weights: of both message layers and of the GRU's inputs, each with its bias as a last column.
    """
    layers = [np.ascontiguousarray(weight.T) for weight in weights]
    gates = layers[-1]
    gates[:, : gates.shape[1] // 3 * 2] *= 0.5  # of r and z: sigmoid(x) = (1 + tanh(x / 2)) / 2
    return layers


class Walk:
    """A pass of messages along k nodes, of n chains at once.

    Args:
        layers: of `walk_layers`.
        start: states of the node where it begins, (n, H).
        states: of the nodes along the way, (k, n, H).
        gates: U h + c of these nodes, (k, n, 3H): of r, z and n.
    """

    def __init__(self, layers: list[Floats], start: Floats, states: Floats, gates: Floats) -> None:
        k, n, size = states.shape
        dtype = states.dtype
        self.old, self.gates_n = states, gates[..., 2 * size :]
        # The new states (from the start on), and the two layers of each message; each with a column of ones.
        self.chain = np.ones((k + 1, n, size + 1), dtype)
        self.hidden, self.message = (np.ones((k, n, size + 1), dtype) for _ in range(2))
        self.rz, self.candidate = np.empty((k, n, 2 * size), dtype), np.empty((k, n, size), dtype)
        self.r, self.z = self.rz[..., :size], self.rz[..., size:]

        self._chain_units, self._hidden_units, self._message_units = (
            values[..., :-1] for values in (self.chain, self.hidden, self.message)
        )
        self._w1, self._w2, self._wi = layers
        self._half_gates_rz = 0.5 * gates[..., : 2 * size]
        self._scratch, inputs = np.empty((n, size), dtype), np.empty((n, 3 * size), dtype)
        self._inputs, self._inputs_rz, self._inputs_n = inputs, inputs[:, : 2 * size], inputs[:, 2 * size :]

        self._chain_units[0] = start
        for step in range(k):
            self._send(step)
            self._gate(step)
            self._update(step)

    def _send(self, step: int) -> None:
        """The message: relu(W2 relu(W1 h_u + b1) + b2)."""
        scratch = self._scratch
        np.dot(self.chain[step], self._w1, out=scratch)
        np.maximum(scratch, 0, out=self._hidden_units[step])
        np.dot(self.hidden[step], self._w2, out=scratch)
        np.maximum(scratch, 0, out=self._message_units[step])

    def _gate(self, step: int) -> None:
        """The gates r and z, and beside them W m + b of the candidate."""
        rz = self.rz[step]
        np.dot(self.message[step], self._wi, out=self._inputs)
        np.add(self._inputs_rz, self._half_gates_rz[step], out=rz)
        np.tanh(rz, out=rz)
        np.multiply(rz, 0.5, out=rz)
        np.add(rz, 0.5, out=rz)

    def _update(self, step: int) -> None:
        """The candidate n = tanh(W m + b + r (U h + c)), and the new state n + z (h - n)."""
        candidate, scratch = self.candidate[step], self._scratch
        np.multiply(self.r[step], self.gates_n[step], out=candidate)
        np.add(candidate, self._inputs_n, out=candidate)
        np.tanh(candidate, out=candidate)
        np.subtract(self.old[step], candidate, out=scratch)
        np.multiply(scratch, self.z[step], out=scratch)
        np.add(scratch, candidate, out=self._chain_units[step + 1])

    @property
    def states(self) -> Floats:
        """The new states, (k, n, H)."""
        return self._chain_units[1:]


class WalkGradient:
    """The gradient of a walk: its stages in reverse, from the last node to the first.

    Args:
        walk: the pass.
        d_states: the gradient of its new states, (k, n, H).
        matrices: of both message layers and of the GRU's inputs, without their biases.
    """

    weights: list[Floats]
    """Of the matrices, each with its bias as a last column."""
    start: Floats
    """(n, H)"""
    states: Floats
    """(k, n, H), not through the gates."""
    gates: Floats
    """(k, n, 3H)"""

    def __init__(self, walk: Walk, d_states: Floats, matrices: list[Floats]) -> None:
        k, n, size = d_states.shape
        r, z, candidate, dtype = walk.r, walk.z, walk.candidate, walk.rz.dtype
        # Derivatives that do not depend on the gradient that comes along the chain, for all nodes at once.
        self._candidate_by_input = (1 - z) * (1 - candidate * candidate)
        self._state_by_z_input = (walk.old - candidate) * z * (1 - z)
        self._candidate_by_r_input = walk.gates_n * r * (1 - r)
        self._hidden_active, self._message_active = (
            (values[..., :-1] > 0).astype(dtype) for values in (walk.hidden, walk.message)
        )
        self._w1, self._w2, self._wi = matrices
        self._d_inputs = np.empty((k, n, 3 * size), dtype)  # of W m + b: of r, z and n
        self._d_r, self._d_z, self._d_n = (
            self._d_inputs[..., part * size : (part + 1) * size] for part in range(3)
        )  # fmt: skip
        self._d_hidden, self._d_message, self._d_new = (np.empty((k, n, size), dtype) for _ in range(3))
        self._d_states = d_states
        self.start = np.zeros((n, size), dtype)  # of the node before, at every step

        for step in range(k - 1, -1, -1):
            self._update_and_gates(step)
            self._send(step)

        self.weights = [
            d_outputs.reshape(k * n, -1).T @ inputs.reshape(k * n, -1)
            for d_outputs, inputs in (
                (self._d_hidden, walk.chain[:-1]),
                (self._d_message, walk.hidden),
                (self._d_inputs, walk.message),
            )
        ]
        self._d_n *= r
        self.states, self.gates = self._d_new * z, self._d_inputs

    def _update_and_gates(self, step: int) -> None:
        """From the new state, of which the next node's message may be made, to W m + b."""
        d_new, d_n = self._d_new[step], self._d_n[step]
        np.add(self._d_states[step], self.start, out=d_new)
        np.multiply(d_new, self._candidate_by_input[step], out=d_n)
        np.multiply(d_new, self._state_by_z_input[step], out=self._d_z[step])
        np.multiply(d_n, self._candidate_by_r_input[step], out=self._d_r[step])

    def _send(self, step: int) -> None:
        """From W m + b to the state of the node before, through both layers of the message."""
        d_message, d_hidden = self._d_message[step], self._d_hidden[step]
        np.dot(self._d_inputs[step], self._wi, out=d_message)
        np.multiply(d_message, self._message_active[step], out=d_message)
        np.dot(d_message, self._w2, out=d_hidden)
        np.multiply(d_hidden, self._hidden_active[step], out=d_hidden)
        np.dot(d_hidden, self._w1, out=self.start)
