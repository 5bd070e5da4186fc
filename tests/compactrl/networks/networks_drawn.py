"""Networks with random numbers, for the tests of both containers."""

from itertools import pairwise

import numpy as np

from compactrl.types import Layer


def make_layers(count, sizes, seed=0):
    generator = np.random.default_rng(seed)
    last = len(sizes) - 2
    return tuple(
        Layer(
            generator.standard_normal((count, outputs, inputs)).astype(np.float32),
            None if index == last else generator.standard_normal((count, outputs)).astype(np.float32),
        )
        for index, (inputs, outputs) in enumerate(pairwise(sizes))
    )


def mlp(generator, sizes, scale=0.4):
    return tuple(
        Layer(
            (scale * generator.standard_normal((outputs, inputs))).astype(np.float32),
            generator.standard_normal(outputs).astype(np.float32),
        )
        for inputs, outputs in pairwise(sizes)
    )
