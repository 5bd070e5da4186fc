"""What tasks see of their lanes' simulations: arrays with a row a lane."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from compactrl.types import Floats


class Arrays(NamedTuple):
    """What physics makes of n lanes, written in place."""

    state: Floats
    """(n, S)"""
    sensordata: Floats
    """(n, nsensordata)"""
    fields: dict[str, Floats]
    """Name → (n, …) of `MjData`."""

    def rows(self, lanes: Any) -> Arrays:
        """Return those of some lanes: views of a slice, copies of chosen ones."""
        fields = {name: values[lanes] for name, values in self.fields.items()}
        return Arrays(self.state[lanes], self.sensordata[lanes], fields)

    def shown(self) -> Arrays:
        """Return views that cannot be written to: physics goes on from what tasks see."""
        fields = {name: shown(values) for name, values in self.fields.items()}
        return Arrays(shown(self.state), shown(self.sensordata), fields)


def shown(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array that cannot be written to: itself or a view."""
    if not values.flags.writeable:
        return values
    view = values.view()
    view.setflags(write=False)
    return view


class MujocoState:
    """The simulations of n lanes, by MuJoCo's names; a task's `fields` are attributes of it too. All are read-only.

    Args:
        arrays: what physics has made of the lanes, as it is `shown`.
        parts: where each part is in a row of state.
        ctrl: see below.
        memory: see below.
    """

    def __init__(self, arrays: Arrays, parts: dict[str, slice], ctrl: Floats, memory: Floats) -> None:
        self.qpos: Floats = arrays.state[:, parts["qpos"]]
        """(n, nq)"""
        self.qvel: Floats = arrays.state[:, parts["qvel"]]
        """(n, nv)"""
        self.act: Floats = arrays.state[:, parts["act"]]
        """(n, na) the states of actuators."""
        self.time: Floats = arrays.state[:, parts["time"].start]
        """(n,) seconds since the episode began."""
        self.sensordata: Floats = arrays.sensordata
        """(n, nsensordata)"""
        self.ctrl = ctrl
        """(n, nu) the controls that led here; 0 as an episode begins."""
        self.memory = memory
        """(n, M) what the task remembers."""
        self.__dict__.update(arrays.fields)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"the state has no '{name}': it has qpos, qvel, act, time, sensordata, ctrl, memory, and what the task "
            f"names in its fields, such as fields = ('{name}',)"
        )
