"""An exported policy compiled for this machine, as a function of numpy arrays."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.exports.tools import run
from compactrl.policies.sharing import Singles
from compactrl.types import Floats

STRICT = ("-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
C99 = ("-std=c99", "-O2", "-ffp-contract=off", *STRICT)

LOOP = """
#include "policy.h"
void many(const float *observations, float *actions, int *codes, int count);
void many(const float *observations, float *actions, int *codes, int count)
{{
    int row;
    for (row = 0; row < count; row++) {{
        codes[row] = {name}_step(observations + row * {inputs}, actions + row * {outputs});
    }}
}}
"""


class Answers(NamedTuple):
    """What a policy answered."""

    actions: Singles
    """(B, A)"""
    codes: NDArray[np.int32]
    """(B,) 0, or 1 where the observation was refused."""


class Native:
    """A policy.c in a folder, compiled to a shared library and called through ctypes.

    Args:
        source: the folder with policy.c and policy.h.
        name: the policy's name in C.
        inputs: numbers of an observation.
        outputs: numbers of an action.
        discrete: whether an action is one whole number.
        compiler: compiles it.
        scratch: where the library goes; one folder a library, since a loaded one is not read again.

    Raises:
        CompactrlError: the compiler fails.
    """

    def __init__(
        self, source: Path, name: str, inputs: int, outputs: int, discrete: bool, compiler: str, scratch: Path
    ) -> None:
        self.inputs, self.outputs, self.discrete = inputs, outputs, discrete
        scratch.mkdir(parents=True, exist_ok=True)
        (scratch / "many.c").write_text(LOOP.format(name=name, inputs=inputs, outputs=outputs), encoding="utf-8")
        files = [str(source.resolve() / "policy.c"), "many.c"]
        options = [*C99, "-fPIC", "-shared", f"-I{source.resolve()}"]
        run([compiler, *options, *files, "-lm", "-o", "policy.so"], scratch, f"compiling with {compiler}")
        self._library, self._name = ctypes.CDLL(str(scratch / "policy.so")), name
        self._many = self._library.many
        self._many.restype = None

    def set_context(self, context: float) -> None:
        """Choose the task, of a policy with networks for many."""
        set_context = getattr(self._library, f"{self._name}_set_context")
        set_context.restype = None
        set_context(ctypes.c_float(context))

    def answer(self, observations: NDArray[np.floating]) -> Answers:
        """Return actions and codes for observations (B, O), given to the C in single precision."""
        single = np.ascontiguousarray(observations, np.float32)
        actions = np.zeros((len(single), self.outputs), np.float32)
        codes = np.zeros(len(single), np.int32)
        pointers = (single.ctypes.data_as(ctypes.c_void_p), actions.ctypes.data_as(ctypes.c_void_p))
        self._many(*pointers, codes.ctypes.data_as(ctypes.c_void_p), ctypes.c_int(len(single)))
        return Answers(actions, codes)

    def __call__(self, observations: Floats) -> NDArray[np.float64] | NDArray[np.int64]:
        """Return actions as an environment takes them: (B, A), or (B,) where discrete."""
        actions = self.answer(observations).actions
        return actions[:, 0].astype(np.int64) if self.discrete else actions.astype(np.float64)
