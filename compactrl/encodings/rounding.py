"""Policies whose weights are rounded so that an encoding stores them as they are."""

from __future__ import annotations

from compactrl.encodings.dense import Int8
from compactrl.policies.policy import Policy
from compactrl.types import Layer

MOST_ROUNDS = 8
"""A row's scale is that of its largest weight, which rounding may change in its last bit: it settles soon."""


def rounded_to_int8(policy: Policy) -> Policy:
    """Return a policy whose weights are whole steps of their row's scale, which int8 stores without loss.

    Biases and normaliser stay. One whose edges share weights comes back as it is: a byte an edge would be larger.

    Example:
        >>> from compactrl.policies.actions import ActionSpec
        >>> from compactrl.types import Normalizer
        >>> layers = (Layer(np.array([[1.0, 0.4961]], np.float32), None),)
        >>> action = ActionSpec("box", (-1.0,), (1.0,))
        >>> policy = Policy.of_layers(layers, Normalizer(np.zeros(2), np.ones(2)), action)
        >>> (127 * rounded_to_int8(policy).layers[0].weight).tolist()
        [[127.0, 63.0]]
    """
    if not policy.sharing.own:
        return policy
    for _ in range(MOST_ROUNDS):
        encoding = Int8(policy.sharing)
        if encoding.exact:
            break
        biases = (layer.bias for layer in policy.layers)
        policy = policy.with_layers(tuple(map(Layer, encoding.matrices(), biases)))
    return policy
