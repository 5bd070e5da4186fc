"""What tests of MuJoCo tasks share: a robot that falls over in a chosen way, registered for a test."""

import gymnasium
import numpy as np
import pytest

from compactrl.envs import MujocoTask, register
from compactrl.envs.mujoco.task import TASKS

CART = """<mujoco>
  <option timestep="0.01"/>
  <worldbody>
    <body name="cart"><joint name="x" type="slide" axis="1 0 0"/><geom name="box" size=".1" mass="1"/>
      <body name="pole"><joint name="hinge" axis="0 1 0" damping="0.1"/>
        <geom name="rod" type="capsule" fromto="0 0 0.2 0 0 1" size="0.05" mass="0.1"/><site name="tip" pos="0 0 1"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor joint="x" ctrlrange="-2 3"/><motor joint="hinge"/></actuator>
  <sensor><framepos objtype="site" objname="tip"/></sensor>
</mujoco>"""


class Cart(MujocoTask):
    """A pole on a cart, whose episodes end where it leans too far; what it does wrong is an option."""

    model, frame_skip, episode_steps, memory, measures = CART, 3, 25, 2, ("lean",)

    def __init__(self, fault="none", fields=()):
        self.fault, self.fields = fault, tuple(fields)
        super().__init__()

    def observe(self, state):
        seen = [state.qpos, state.qvel, state.sensordata, state.ctrl, state.memory]
        seen += [getattr(state, field).reshape(len(state.qpos), -1) for field in self.fields]
        if self.fault == "width" and (state.time > 0.2).any():
            seen.append(state.qpos)
        return np.concatenate(seen, axis=1)

    def reward(self, before, after, action):
        reward = after.qpos[:, 0] - before.qpos[:, 0] - 0.01 * np.sum(np.square(action), axis=1) + after.memory[:, 1]
        if self.fault == "nan":
            reward[after.qpos[:, 0] > 0.1] = np.nan
        return reward[:, None] if self.fault == "shape" else reward

    def terminated(self, state):
        if self.fault == "raise" and (state.qpos[:, 0] > 0.1).any():
            raise RuntimeError("it went too far")
        return np.abs(state.qpos[:, 1]) > 0.8

    def start(self, generator, task=None):
        qvel = generator.normal(size=2)
        if self.fault == "huge" and generator.random() < 0.3:
            qvel[0] = 1e9
        return generator.uniform(-0.1, 0.1, 2), qvel, np.zeros(2) if task is None else task

    def control(self, state, action):
        del state
        return 1e30 * action if self.fault == "wild" else action

    def remember(self, before, after, action):
        del after
        return np.stack([before.memory[:, 0] + action[:, 0], before.memory[:, 1]], axis=1)

    def measure(self, state):
        return {} if self.fault == "measure" else {"lean": state.qpos[:, 1].copy()}


@pytest.fixture
def cart():
    register("Cart-v0", Cart)
    yield "Cart-v0"
    del TASKS["Cart-v0"], gymnasium.registry["Cart-v0"]
