"""Policies whose weights, or whose normaliser, are rounded so that an encoding stores them as they are, in bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compactrl.encodings.dense import Int8
from compactrl.encodings.inputs import FARTHEST, PARTS, WIDEST
from compactrl.policies.policy import Policy
from compactrl.types import Layer, Normalizer

MOST_ROUNDS = 8
"""A row's scale is that of its largest weight, which rounding may change in its last bit: it settles soon."""
MOST_EXPONENT = 100
"""Of a power of two, up or down: single precision has it and its reciprocal."""


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


def rounded_to_bytes(policy: Policy) -> Policy:
    """Return a policy with weights as of `rounded_to_int8`, and a rounded normaliser where its first layer makes up."""
    if policy.sharing.own and policy.layers[0].bias is not None:
        policy = with_rounded_normalizer(policy)
    return rounded_to_int8(policy)


def rounded_normalizer(normalizer: Normalizer) -> Normalizer:
    """Return a normaliser that takes a byte or two a number: deviations are powers of two, means whole parts of them.

    A deviation is at most √2 times as large or as small. A normaliser that bytes do not hold comes back as it is: where
    a mean is some thousand deviations from 0, or a deviation 2³¹ times another.

    Example:
        >>> mean, std = rounded_normalizer(Normalizer(np.array([0.3, -40.0]), np.array([0.9, 2.2])))
        >>> mean.tolist(), std.tolist()
        ([0.25, -40.0], [1.0, 2.0])
    """
    mean, std = normalizer
    exponents = np.rint(np.log2(std))
    power = np.exp2(exponents)
    parts = np.rint(mean / power * PARTS)
    held = np.abs(parts).max(initial=0.0) <= FARTHEST and np.abs(exponents).max(initial=0.0) <= MOST_EXPONENT
    if not held or np.ptp(exponents) > WIDEST:
        return normalizer
    return Normalizer(parts / PARTS * power, power)


def with_rounded_normalizer(policy: Policy) -> Policy:
    """Return a policy that does the same and has a rounded normaliser: its first layer makes up for the rounding.

    Raises:
        ValueError: its first layer has no biases, and means are rounded.
    """
    before, after = policy.normalizer, rounded_normalizer(policy.normalizer)
    if np.array_equal(before.mean, after.mean) and np.array_equal(before.std, after.std):
        return policy
    weight, bias = policy.layers[0]
    scaled = weight.astype(np.float64) / before.std
    if bias is not None:
        bias = (bias + scaled @ (after.mean - before.mean)).astype(bias.dtype)
    elif (after.mean != before.mean).any():
        raise ValueError("expected biases in the first layer, which make up for what rounding does to means")
    first = Layer((scaled * after.std).astype(weight.dtype), bias)
    return replace(policy.with_layers((first, *policy.layers[1:])), normalizer=after)
