"""Families of tasks, each an environment with `contexts`; importing this package registers them.

Every episode has a task: the one it is given, or a test task that its seed decides. So a family is searched like any
environment, by a policy that knows of no task; and by one that does.
"""

from compactrl.envs.batched import register_batched
from compactrl.envs.families.quadrotor import QuadrotorAirframe
from compactrl.envs.families.velocities import (
    AntFwdBack,
    AntVel,
    HalfCheetahFwdBack,
    HalfCheetahVel,
    HalfCheetahVelMedium,
    Walker2dVel,
)
from compactrl.envs.mujoco.task import register
from compactrl.envs.robots.quadrotor import STEPS

register("compactrl/HalfCheetah-FwdBack-v0", HalfCheetahFwdBack)
register("compactrl/HalfCheetah-Vel-v0", HalfCheetahVel)
register("compactrl/HalfCheetah-Vel-Medium-v0", HalfCheetahVelMedium)
register("compactrl/Ant-FwdBack-v0", AntFwdBack)
register("compactrl/Ant-Vel-v0", AntVel)
register("compactrl/Walker2d-Vel-v0", Walker2dVel)
register_batched("compactrl/Quadrotor-Airframe-v0", QuadrotorAirframe, max_episode_steps=STEPS)
