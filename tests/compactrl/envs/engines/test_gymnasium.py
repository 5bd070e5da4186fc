"""The Gymnasium engine: what it gives to an environment, and takes from it."""

import numpy as np
from evaluating import make_trials, outcomes_of

from compactrl.envs.engines.gymnasium import make_gymnasium
from compactrl.envs.registry import describe


def test_gymnasium_environments_get_actions_of_their_own_type():
    made = make_gymnasium("Pendulum-v1", {})
    spec = describe("Pendulum-v1", "gymnasium")
    assert spec.engine == "gymnasium"
    assert made.action_space.dtype == np.float32
    assert not outcomes_of(spec, 2, make_trials(spec, 2)).failures
