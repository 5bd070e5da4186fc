"""`--verify`: the exported C against the Python policy, on this machine.

1. Every compiler here takes the files without a warning, as C99 and as C++, and the self-test passes.
2. The same under the address and undefined-behaviour sanitizers, over 10,000 observations: half visited, half random.
3. The actions for those observations are Python's, each up to its own tolerance; a codebook's are those of float32 bit
   for bit.
4. Closed loop: the C drives the environment through whole episodes, from the same starts as Python.

Whatever of 1 to 3 does not hold is an error, and the export is not finished. Returns of 4 are reported: in a chaotic
system one changed bit gives other episodes, so that only their means can be compared.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compactrl.encodings.formats import FORMATS
from compactrl.encodings.palette import Palette
from compactrl.encodings.plan import as_rows, reference_policy
from compactrl.errors import CompactrlError
from compactrl.exports.c import Program
from compactrl.exports.native import C99, STRICT, Native
from compactrl.exports.rollouts import Starts, roll_out
from compactrl.exports.tools import available, run, version
from compactrl.exports.vectors import is_certain, one_or_each, tolerances
from compactrl.machine.needs import NEEDS
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import Singles
from compactrl.types import Floats

COMPILERS = {"gcc": "g++", "clang": "clang++"}
"""C compiler → its C++ compiler."""
OBSERVATIONS = 10_000
SANITIZE = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
SPREAD = 3.0
"""Random observations are this many standard deviations wide."""
ROUNDING = 1e-9
"""Mean returns that differ by no more than this are the same."""

STRESS = """
#include "policy.h"
#include <stdio.h>
int main(void)
{{
    float observation[{inputs}], action[{outputs}];
    if ({name}_selftest() != 0) {{
        return 1;
    }}
    {begin}
    while (fread(observation, sizeof observation, 1, stdin) == 1) {{
        {name}_step(observation, action);
        fwrite(action, sizeof action, 1, stdout);
    }}
    return 0;
}}
"""


class ClosedLoop(NamedTuple):
    """Mean returns of the C and of Python over episodes with the same starts."""

    python: Floats
    c: Floats

    def report(self) -> dict[str, Any]:
        """Return means, 95 % intervals (normal approximation) and their difference, as JSON values."""
        difference = self.c - self.python
        mean = float(np.nanmean(difference))
        half = _half_width(difference)
        allowed = max(half, _half_width(self.python))
        return {
            "episodes": len(self.c),
            "python": _mean(self.python),
            "c": _mean(self.c),
            "difference": {"mean": mean, "interval": [mean - half, mean + half]},
            "within_interval": bool(abs(mean) <= allowed + ROUNDING),
        }


def verify(program: Program, files: Path, starts: Starts, episodes: int) -> dict[str, Any]:
    """Verify the files in a folder, and return what that came to, as JSON values.

    Args:
        program: what the files were written from.
        files: the folder.
        starts: where the episodes begin in which the C drives the environment.
        episodes: how many.

    Raises:
        CompactrlError: no compiler is here, or the C is not the policy.
    """
    compilers = compilers_here()
    plan = program.plan
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        for compiler in compilers:
            compile_strictly(files, compiler, scratch)
        natives = [native_of(program, files, compiler, scratch / compiler) for compiler in compilers]
        longest = starts.spec.max_episode_steps
        stride = max(1, 2 * episodes * longest // OBSERVATIONS)
        python = roll_out(starts, plan.policy, episodes, stride=stride)
        observations = mixture(plan.policy, python.observations.astype(np.float32))
        for compiler, native in zip(compilers, natives, strict=True):
            largest = compare(program, native, observations, compiler)
        sanitized = sanitize(program, files, observations, natives[0], compilers[0], scratch)
        twin = _twin(program, natives[0], observations, compilers[0], scratch)
        driven = roll_out(starts, natives[0], episodes, stride=longest)
    discrete = plan.action.kind == "discrete"
    result: dict[str, Any] = {
        "compilers": {compiler: version(compiler) for compiler in compilers},
        "cplusplus": [COMPILERS[compiler] for compiler in compilers if available(COMPILERS[compiler])],
        "sanitizers": sanitized,
        "observations": len(observations),
        "discrete_disagreement" if discrete else "largest_difference": largest,
        "tolerance": one_or_each(tolerances(plan.action)),
        "closed_loop": ClosedLoop(python.returns, driven.returns).report(),
    }
    if plan.format.name == "int8":
        exact = as_rows(plan.policy(observations))
        result["largest_difference_of_rounding"] = float(np.abs(natives[0].answer(observations).actions - exact).max())
    return result | ({"bit_equal_to_float32": twin} if twin is not None else {})


def compilers_here() -> list[str]:
    """Return the C compilers of this machine.

    Raises:
        CompactrlError: there is none.
    """
    compilers = available(*COMPILERS)
    if not compilers:
        raise CompactrlError(f"--verify needs a C compiler: `{NEEDS['gcc'].install}`, or clang")
    return compilers


def compile_strictly(files: Path, compiler: str, scratch: Path) -> None:
    """Compile as C99 and as C++ with every warning an error, and run the self-test.

    Raises:
        CompactrlError: one of them fails.
    """
    sources = [str(files.resolve() / name) for name in ("policy.c", "policy_test.c")]
    program = scratch / f"selftest-{compiler}"
    run([compiler, *C99, *sources, "-lm", "-o", str(program)], scratch, f"compiling with {compiler}")
    run([str(program)], scratch, f"the self-test, compiled with {compiler}")
    plusplus = COMPILERS[compiler]
    if available(plusplus):
        options = ["-x", "c++", "-std=c++11", *STRICT, "-fsyntax-only"]
        run([plusplus, *options, *sources], scratch, f"compiling as C++ with {plusplus}")


def mixture(policy: Policy, visited: Singles) -> Singles:
    """Return 10,000 observations: up to half visited, evenly through them, the rest random around the mean."""
    count = min(len(visited), OBSERVATIONS // 2)
    chosen = visited[np.linspace(0, len(visited) - 1, count).astype(int)] if count else visited
    mean, std = policy.normalizer
    generator = np.random.default_rng(np.random.SeedSequence(OBSERVATIONS))
    drawn = mean + SPREAD * std * generator.standard_normal((OBSERVATIONS - count, len(mean)))
    return np.concatenate([chosen, drawn.astype(np.float32)])


def compare(program: Program, native: Native, observations: Singles, compiler: str) -> float | list[float]:
    """Return the largest difference of an action from Python's; of a discrete one, how often it is another.

    Where actions differ in what they may differ by, it is one number an action.

    Raises:
        CompactrlError: an action is over its tolerance where single precision is certain, or an observation is refused.
    """
    plan = program.plan
    answers = native.answer(observations)
    expected = as_rows(reference_policy(plan)(observations))
    difference = np.abs(answers.actions - expected)
    allowed = tolerances(plan.action)
    over = difference > allowed
    certain = is_certain(plan, observations)
    wrong = over.any(axis=1) & certain
    if answers.codes.any() or wrong.any():
        place = int(np.argmax(wrong | (answers.codes != 0)))
        which = int(np.argmax(over[place]))
        raise CompactrlError(
            f"the C is not the policy: compiled with {compiler}, {int(wrong.sum())} of {len(observations)} actions "
            f"differ by more than they may (number {which} by more than {allowed[which]:.1g}) and "
            f"{int(answers.codes.sum())} observations are refused; the "
            f"first at observation {observations[place].tolist()}: {answers.actions[place].tolist()} instead of "
            f"{expected[place].tolist()}"
        )
    if plan.action.kind == "discrete":
        return float((difference > 0).mean())
    return _largest(difference[certain] if plan.action.dtype else difference, allowed)


def _largest(difference: Floats, allowed: Floats) -> float | list[float]:
    """Return the largest of differences (B, A): one number where all actions may differ by the same, else one each."""
    if len(set(allowed.tolist())) == 1:
        return float(difference.max(initial=0.0))
    each: list[float] = difference.max(axis=0, initial=0.0).tolist()
    return each


def native_of(program: Program, files: Path, compiler: str, scratch: Path) -> Native:
    """Return the files compiled for this machine."""
    plan = program.plan
    discrete = plan.action.kind == "discrete"
    return Native(files, program.name, plan.shape[0], program.action_size, discrete, compiler, scratch)


def sanitize(
    program: Program,
    files: Path,
    observations: Singles,
    native: Native,
    compiler: str,
    scratch: Path,
    begin: str = "",
) -> list[str]:
    """Run the self-test and all observations under the sanitizers.

    Args:
        program: what the files were written from.
        files: the folder.
        observations: (B, O)
        native: the same without sanitizers.
        compiler: compiles it.
        scratch: a folder for what is built.
        begin: a statement between the self-test and the observations.

    Raises:
        CompactrlError: they complain, or the actions are others than without them.
    """
    text = STRESS.format(name=program.name, inputs=program.plan.shape[0], outputs=program.action_size, begin=begin)
    (scratch / "stress.c").write_text(text, encoding="utf-8")
    sources = ["stress.c", str(files.resolve() / "policy.c"), str(files.resolve() / "policy_test.c")]
    define = f"-D{program.name.upper()}_NO_MAIN"
    options = ["-std=c99", "-ffp-contract=off", *SANITIZE, define, f"-I{files.resolve()}"]
    run([compiler, *options, *sources, "-lm", "-o", "stress"], scratch, f"compiling with {compiler}'s sanitizers")
    printed = run([str(scratch / "stress")], scratch, "running under the sanitizers", observations.tobytes())
    actions = np.frombuffer(printed, np.float32).reshape(len(observations), -1)
    if not np.array_equal(actions, native.answer(observations).actions):
        raise CompactrlError(f"compiled with {compiler}'s sanitizers, the actions are others than without")
    return ["address", "undefined"]


def _twin(program: Program, native: Native, observations: Singles, compiler: str, scratch: Path) -> bool | None:
    """Return whether a codebook's actions are bit for bit those of the same policy as float32; None where not asked.

    Raises:
        CompactrlError: they are not.
    """
    plan = program.plan
    if not isinstance(plan.encoding, Palette):  # others leave products out, or add in another order
        return None
    expanded = FORMATS["float32"]
    twin = replace(program, plan=replace(plan, format=expanded, encoding=expanded.encode(plan.sharing)))
    folder = scratch / "twin"
    folder.mkdir()
    for name, text in twin.files().items():
        (folder / name).write_text(text, encoding="utf-8")
    other = native_of(twin, folder, compiler, scratch / "twin-library")
    if not np.array_equal(native.answer(observations).actions, other.answer(observations).actions):
        raise CompactrlError("the codebook's actions are not those of the same weights as float32")
    return True


def _mean(returns: Floats) -> dict[str, Any]:
    mean, half = float(np.nanmean(returns)), _half_width(returns)
    return {"return_mean": mean, "interval": [mean - half, mean + half], "failed": int(np.isnan(returns).sum())}


def _half_width(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(1.96 * finite.std(ddof=1) / len(finite) ** 0.5) if len(finite) > 1 else 0.0
