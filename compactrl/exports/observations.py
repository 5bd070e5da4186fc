"""What the numbers of an observation are, where that is known: the order that a robot's sensors must be put into.

The names are those of Gymnasium's documentation (version 5 of the MuJoCo robots, which leave out the position along the
track). For other environments an observation is numbered, and what is known of it stands beside: its mean, its
deviation, and the range in which it was seen.
"""

from __future__ import annotations

from typing import NamedTuple


class ObservationNames(NamedTuple):
    """A name for each number, and where they are from."""

    names: tuple[str, ...]
    source: str


def _positions_and_speeds(root: str, joints: str) -> tuple[str, ...]:
    """Return names for a planar robot: height and angle of its root, its joints' angles, and the speeds of all."""
    joint_names = joints.split(", ")
    positions = (f"height of {root} [m]", f"angle of {root} [rad]", *(f"angle of {name} [rad]" for name in joint_names))
    speeds = (
        f"speed of {root} along the track [m/s]",
        f"speed of {root} upwards [m/s]",
        f"angular speed of {root} [rad/s]",
        *(f"angular speed of {name} [rad/s]" for name in joint_names),
    )
    return positions + speeds


KNOWN: dict[str, tuple[str, ...]] = {
    "HalfCheetah-v5": _positions_and_speeds(
        "the front tip", "the back thigh, the back shin, the back foot, the front thigh, the front shin, the front foot"
    ),
    "Hopper-v5": _positions_and_speeds("the torso", "the thigh, the leg, the foot"),
    "Walker2d-v5": _positions_and_speeds(
        "the torso", "the right thigh, the right leg, the right foot, the left thigh, the left leg, the left foot"
    ),
    "Swimmer-v5": (
        "angle of the front tip [rad]",
        "angle of the first rotor [rad]",
        "angle of the second rotor [rad]",
        "speed of the tip along x [m/s]",
        "speed of the tip along y [m/s]",
        "angular speed of the front tip [rad/s]",
        "angular speed of the first rotor [rad/s]",
        "angular speed of the second rotor [rad/s]",
    ),
    "Pendulum-v1": ("cosine of the angle", "sine of the angle", "angular speed [rad/s]"),
    "CartPole-v1": (
        "cart position [m]",
        "cart speed [m/s]",
        "pole angle [rad]",
        "pole angular speed [rad/s]",
    ),
    "MountainCar-v0": ("position", "speed"),
    "MountainCarContinuous-v0": ("position", "speed"),
    "Acrobot-v1": (
        "cosine of the first joint",
        "sine of the first joint",
        "cosine of the second joint",
        "sine of the second joint",
        "angular speed of the first joint [rad/s]",
        "angular speed of the second joint [rad/s]",
    ),
}


def describe_observations(env: str, size: int, names: tuple[str, ...] = ()) -> ObservationNames:
    """Return the names of an environment's observations, or numbers where they are not known.

    Args:
        env: its id.
        size: O.
        names: what its space calls them, where it does.

    Example:
        >>> describe_observations("Pendulum-v1", 3).names[1]
        'sine of the angle'
        >>> describe_observations("Mine-v0", 2).names
        ('number 0 of the environment', 'number 1 of the environment')
    """
    if names:
        return ObservationNames(names, f"by the keys of what {env} observes, in its order")
    known = KNOWN.get(env, ())
    if len(known) == size:
        return ObservationNames(known, f"names as Gymnasium documents {env}")
    return ObservationNames(
        tuple(f"number {place} of the environment" for place in range(size)), f"as {env} orders them"
    )
