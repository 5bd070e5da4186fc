"""`--target crazyflie --verify`: the controller's C, called as the firmware calls it, flies the simulator.

It is compiled against headers of the interface's names and types, or, with `--firmware`, against those of a checkout of
the firmware; every warning is an error. What the simulator observes is handed over as the firmware would have it:
a position and a setpoint somewhere in the world, a quaternion, a gyroscope in degrees a second. Python flies beside it
with thrust cut off where the firmware's motors end.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.errors import CompactrlError, InputError
from compactrl.exports import crazyflie
from compactrl.exports.c import Program
from compactrl.exports.crazyflie import Robot
from compactrl.exports.folder import write_files
from compactrl.exports.rollouts import Rollout, Starts, roll_out
from compactrl.exports.tools import available, run
from compactrl.types import Floats

CLOSE = 1e-3
"""Most that an action in -1 … 1 may differ by: the attitude goes by way of a quaternion in single precision."""
STRICT = ("-std=gnu11", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Wno-missing-braces", "-Werror")
HEADERS = ("src/modules/interface", "src/modules/interface/controller", "src/platform/interface", "src/utils/interface")
MORE_HEADERS = ("src/utils/interface/lighthouse", "src/hal/interface", "src/config", "build/include/generated")
"""Folders of the firmware where what its interface includes may lie."""
AUTOCONF = "#define CONFIG_CONTROLLER_OOT 1\n#define CONFIG_PLATFORM_CF2 1\n"
"""What the firmware's build writes down of its configuration, where it has not been built yet."""


def check_firmware(folder: str) -> Path | None:
    """Return the folder of a checkout of the firmware; None where none is named.

    Raises:
        InputError: it is none.
    """
    if not folder:
        return None
    path = Path(folder)
    if not path.is_dir():
        raise InputError(f"--firmware {folder}: there is no such folder")
    if not (path / "src/modules/interface/stabilizer_types.h").is_file():
        raise InputError(
            f"--firmware {folder} is no checkout of crazyflie-firmware: it has no "
            "src/modules/interface/stabilizer_types.h"
        )
    return path.resolve()


def verify(program: Program, folder: Path, starts: Starts, episodes: int, firmware: Path | None) -> dict[str, Any]:
    """Fly the controller in a folder, and return what that came to, as JSON values; nothing for the user's own robot.

    Raises:
        CompactrlError: it does not compile, or does not do what the policy does.
    """
    robot = crazyflie.robot_of(program)
    if robot is None:
        return {}
    controller = Controller(program, robot, folder, folder / "verify", firmware)
    policy = program.plan.policy
    most = 2.0 * min(1.0, controller.thrust_max / controller.thrust) - 1.0
    apart = 0.0

    def by_c(observations: Floats) -> NDArray[np.float64]:
        nonlocal apart
        actions = controller(observations)
        apart = max(apart, float(np.abs(actions - np.minimum(policy(observations), most)).max()))
        return actions

    stride = starts.spec.max_episode_steps
    driven = roll_out(starts, by_c, episodes, stride=stride)
    python = roll_out(starts, lambda seen: np.minimum(policy(seen), most), episodes, stride=stride)
    if not apart <= CLOSE:
        raise CompactrlError(
            f"the controller is not the policy: its thrust differs from Python's by up to {apart / 2:.2g} of full "
            f"thrust ({CLOSE / 2:g} is allowed)"
        )
    return {
        "headers": str(firmware) if firmware else "compactrl's, with the interface's names and types",
        "thrust_max": controller.thrust_max,
        "episodes": episodes,
        "largest_difference": apart,
        "python": _told(python),
        "c": _told(driven),
    }


def _told(flights: Rollout) -> dict[str, float]:
    means = {"return": flights.returns, **flights.measures}
    return {f"{name}_mean": float(np.nanmean(values)) for name, values in means.items()}


class Controller:
    """A controller compiled for this machine, as a function from the simulator's observations to its actions.

    Args:
        program: it was written from.
        robot: that it flies.
        folder: with its files.
        scratch: where the library goes; one folder a library.
        firmware: a checkout, or None for our own headers.

    Raises:
        CompactrlError: there is no compiler, it does not compile, or its self-test fails.
    """

    def __init__(self, program: Program, robot: Robot, folder: Path, scratch: Path, firmware: Path | None) -> None:
        compilers = available("gcc", "clang")
        if not compilers:
            raise CompactrlError("--verify needs gcc or clang")
        self.thrust = robot.thrust
        self._velocity = program.plan.shape[0] == crazyflie.WITH_VELOCITY
        scratch.mkdir(parents=True, exist_ok=True)
        (scratch / "fly.c").write_text(crazyflie.caller(program), encoding="utf-8")
        sources = [str(folder.resolve() / "src" / name) for name in ("controller.c", "policy.c", "policy_test.c")]
        command = [compilers[0], *STRICT, "-fPIC", "-shared", *self._headers(program, scratch, firmware), *sources]
        what = f"compiling against {firmware}" if firmware else "compiling the controller"
        run([*command, "fly.c", "-lm", "-o", "controller.so"], scratch, what)
        library = ctypes.CDLL(str(scratch.resolve() / "controller.so"))
        library.thrust_max.restype = ctypes.c_float
        self.thrust_max = float(library.thrust_max())
        self._fly = library.fly
        self._fly.restype = None
        self._generator = np.random.default_rng(np.random.SeedSequence(crazyflie.MAIN_LOOP))
        if not library.ready():
            raise CompactrlError("the controller's self-test fails on this machine")

    def _headers(self, program: Program, scratch: Path, firmware: Path | None) -> list[str]:
        if firmware is None:
            write_files(scratch / "interface", crazyflie.interface(program))
            return ["-Iinterface"]
        if not (firmware / "build/include/generated/autoconf.h").is_file():
            write_files(scratch / "configuration", {"autoconf.h": AUTOCONF})
        own = ["-DCONFIG_CONTROLLER_OOT=1", "-Iconfiguration"]
        return [*own, *(f"-isystem{firmware / part}" for part in (*HEADERS, *MORE_HEADERS))]

    def __call__(self, observations: Floats) -> NDArray[np.float64]:
        """Return actions (n, 4) for observations (n, O), as the motors would push in the simulator."""
        count = len(observations)
        rows = np.zeros((count, 19), np.float32)
        rows[:, 13:16] = self._generator.uniform([-3, -3, 0.5], [3, 3, 3], (count, 3))
        rows[:, :3] = observations[:, :3] + rows[:, 13:16]
        rows[:, 3:6] = observations[:, 3:6]
        rows[:, 6:10] = quaternions(observations[:, 6:15]) * self._generator.choice([-1.0, 1.0], (count, 1))
        rows[:, 10:13] = np.degrees(observations[:, 15:18])
        if self._velocity:
            rows[:, 16:19] = observations[:, 18:21]
        forces, wrong = np.zeros((count, 4), np.float32), ctypes.c_int(0)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (rows, forces)]
        self._fly(*pointers, ctypes.byref(wrong), ctypes.c_int(count))
        if wrong.value:
            raise CompactrlError(f"the controller changed its forces between two of its steps, {wrong.value} times")
        return 2.0 * forces.astype(np.float64) * (self.thrust_max / self.thrust) - 1.0


def quaternions(matrices: Floats) -> Floats:
    """Return unit quaternions (n, 4), x, y, z, w, of rotation matrices row by row (n, 9).

    Each is found from its largest component (Shepperd 1978), which loses no digits.
    """
    a, b, c, d, e, f, g, h, i = matrices.T
    squares = np.stack([1 + a - e - i, 1 - a + e - i, 1 - a - e + i, 1 + a + e + i], axis=1)
    candidates = np.stack(
        [
            np.stack([squares[:, 0], b + d, c + g, h - f], axis=1),
            np.stack([b + d, squares[:, 1], f + h, c - g], axis=1),
            np.stack([c + g, f + h, squares[:, 2], d - b], axis=1),
            np.stack([h - f, c - g, d - b, squares[:, 3]], axis=1),
        ],
        axis=1,
    )
    chosen: Floats = candidates[np.arange(len(matrices)), squares.argmax(axis=1)]
    return np.asarray(chosen / np.sqrt((chosen * chosen).sum(axis=1, keepdims=True)))
