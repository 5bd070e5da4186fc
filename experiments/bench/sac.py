"""Plain SAC, [256, 256], batches of 256: environment steps a second with an update each, beside other libraries.

Each system is a process (`peers.py`), on one core and on several, and systems take turns. Peers may live in another
Python; what is not there is said and left out. A fresh environment for them:

    python -m venv peers && peers/bin/pip install stable-baselines3 sbx-rl 'rltools[mkl]' 'gymnasium[mujoco]'
    python -m experiments.bench sac --peer-python peers/bin/python
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import typer

from experiments.bench.peers import SYSTEMS
from experiments.bench.report import ratio, show, timing, write

PROGRAM = Path(__file__).with_name("peers.py")
NAMES = {"stable_baselines3": "Stable-Baselines3", "sbx": "SBX (JAX)", "rltools": "RLtools"}
PACKAGES = {"stable_baselines3": "stable-baselines3", "sbx": "sbx-rl", "rltools": "rltools"}
ONE_CORE = ("rltools",)
"""They have one thread."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Peer:
    """A system in a process of its own.

    Args:
        system: a name in `SYSTEMS`.
        python: that has it.
        env: environment id.
        threads: cores that it gets.
        warm: steps before the first that counts.
        steps: of a repetition.
    """

    def __init__(self, system: str, python: str, env: str, threads: int, warm: int, steps: int) -> None:
        arguments = [python, str(PROGRAM), system, env, *map(str, (threads, warm, steps))]
        environment = {**os.environ, **dict.fromkeys(THREADS, str(threads)), "JAX_PLATFORMS": "cpu"}
        self.system, self._errors = system, tempfile.TemporaryFile("w+")  # noqa: SIM115 (until `close`)
        self._process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment
        )

    def wait(self) -> None:
        """Wait until it is warm."""
        self._read("ready")

    def seconds(self) -> float:
        """Return the seconds of a repetition."""
        if self._process.stdin is None:
            raise RuntimeError("expected a process that can be written to")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._read("seconds"))

    def _read(self, word: str) -> str:
        """Return the rest of the next line that begins with this word; libraries say other things, too.

        Raises:
            RuntimeError: the process has ended, with the last line that it wrote.
        """
        for line in self._process.stdout or ():
            if line.startswith(word):
                return line.removeprefix(word).strip()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        raise RuntimeError(f"{self.system} has ended: {lines[-1] if lines else 'it said nothing'}")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def installed(python: str) -> list[str]:
    """Return the peers that a Python has.

    Raises:
        typer.BadParameter: there is no such Python.
    """
    program = f"from importlib.util import find_spec; print(*[n for n in {list(NAMES)} if find_spec(n)])"
    try:
        answer = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise typer.BadParameter(f"--peer-python {python}: expected a Python that runs ({error})") from error
    return answer.stdout.split()


def versions_of(systems: list[str], python: str) -> dict[str, str]:
    """Return the versions of peers in a Python."""
    packages = [PACKAGES[name] for name in systems]
    program = f"from importlib.metadata import version; print(*[version(n) for n in {packages}])"
    answer = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return dict(zip(packages, answer.stdout.split(), strict=True))


def measured(pythons: dict[str, str], env: str, threads: int, repeats: int, warm: int, steps: int) -> dict[str, Any]:
    """Return the repetitions of every system on so many cores; a system that ends by itself is said and left out.

    Args:
        pythons: system → the Python that has it.
        env: environment id.
        threads: cores that each gets.
        repeats: repetitions.
        warm: steps before the first.
        steps: of a repetition.
    """
    seconds: dict[str, list[float]] = {}
    peers: list[Peer] = []
    try:
        for name, python in pythons.items():
            peers.append(Peer(name, python, env, threads, warm, steps))
            try:
                peers[-1].wait()
            except RuntimeError as error:
                if name == "compactrl":
                    raise
                print(f"{error}; it is left out")
            else:
                seconds[name] = []
        for _ in range(repeats):
            for peer in peers:
                if peer.system in seconds:
                    seconds[peer.system].append(peer.seconds())
    finally:
        for peer in peers:
            peer.close()
    return {
        name: {**timing(found, steps), "compactrl_over_it": ratio(found, seconds["compactrl"])}
        for name, found in seconds.items()
    }


def run(env: str, python: str, cores: list[int], repeats: int, warm: int, steps: int, folder: Path | None) -> None:
    """Measure, show the tables, write the figures."""
    there = installed(python)
    for name in [name for name in NAMES if name not in there]:
        print(f"{NAMES[name]} is not installed in {python}, and left out: {python} -m pip install {PACKAGES[name]}")
    rows: dict[str, Any] = {}
    for threads in cores:
        pythons = {"compactrl": sys.executable}
        pythons |= {name: python for name in SYSTEMS if name in there and (threads == 1 or name not in ONE_CORE)}
        rows[str(threads)] = measured(pythons, env, threads, repeats, warm, steps)
        show(
            f"SAC [256, 256] on {env}, a step and an update at a time, {threads} core{'s' * (threads > 1)}",
            ["system", "steps/s", "compactrl over it"],
            [
                [NAMES.get(name, name), row["median_steps_per_second"], row["compactrl_over_it"]]
                for name, row in rows[str(threads)].items()
            ],
            "targets over SBX: 1.2 on one core, 1.5 on two",
        )
    content = {"env": env, "repeats": repeats, "steps": steps, "peers": versions_of(there, python), "cores_of": rows}
    write("sac", content, folder)
