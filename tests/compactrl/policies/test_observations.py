"""What an environment shows becomes the row that a policy was trained on: Gymnasium's own flattening is the oracle."""

import re
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Sequence, Tuple

import compactrl
from compactrl.envs.layout import goal_layout, layout_of
from compactrl.errors import DamagedFileError, InputError
from compactrl.policies.actions import ActionSpec
from compactrl.policies.observations import layout_from, layout_text, rows_of
from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton
from compactrl.quantities import a_return
from compactrl.runs.run import Run
from compactrl.searches.api import search
from compactrl.types import Normalizer

POSE = Box(-1, 1, (2,), np.float64)
SPACES = {
    "dict": Dict({"pose": POSE, "gear": Discrete(3, start=1), "arms": Dict(left=Box(-1, 1, (2, 2)), right=POSE)}),
    "tuple": Tuple((Discrete(2), POSE, MultiBinary(3))),
    "image": Box(-1, 1, (2, 3), np.float64),
    "square": Box(-1, 1, (2, 2), np.float64),
    "discrete": Discrete(4, start=-1),
    "several": MultiDiscrete([2, 3], start=[1, 0]),
    "mixed": Dict(modes=MultiDiscrete([3, 2]), speed=Box(-1, 1, ())),
    "flat": POSE,
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_observations_are_flattened_as_gymnasium_does(space):
    space.seed(0)
    size, layout = gymnasium.spaces.flatdim(space), layout_of(space)
    assert layout_from(layout_text(layout)) == layout
    samples = [space.sample() for _ in range(5)]
    expected = np.array([gymnasium.spaces.flatten(space, sample) for sample in samples], np.float64)
    for sample, row in zip(samples, expected, strict=True):
        found, single = rows_of(sample, layout, size)
        assert single
        np.testing.assert_array_equal(found, row[None])
    together = stacked(samples)
    found, single = rows_of(together, layout, size)
    assert not single
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(rows_of(expected, layout, size)[0], expected)


def test_numbers_are_rounded_as_gymnasium_rounds_them_to_the_type_of_their_space():
    space = Dict(fine=Box(-1, 1, (1,), np.float64), coarse=Box(-1, 1, (1,), np.float32), whole=Box(0, 9, (1,), np.int8))
    shown = {"fine": np.array([0.1]), "coarse": np.array([0.1]), "whole": np.array([2.7])}
    layout = layout_from(layout_text(layout_of(space)))
    found, _ = rows_of(shown, layout, 3)
    np.testing.assert_array_equal(found[0], gymnasium.spaces.flatten(space, shown))
    assert found[0].tolist() == [0.1, float(np.float32(0.1)), 2.0]


def stacked(samples):
    if isinstance(samples[0], dict):
        return {key: stacked([sample[key] for sample in samples]) for key in samples[0]}
    if isinstance(samples[0], tuple):
        return tuple(stacked(parts) for parts in zip(*samples, strict=True))
    return np.array(samples)


def test_parts_without_a_size_have_no_layout():
    assert layout_of(Dict(words=Sequence(POSE), pose=POSE)) == ()
    assert layout_of(POSE) == ()


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        ({"pose": [0.0, 0.0]}, "expected the observation['gear']: it has pose"),
        (
            {"pose": [0.0], "gear": 1},
            "expected the observation['pose'] with shape (2,), or (B, …) of a batch, got (1,)",
        ),
        ({"pose": [0.0, 0.0], "gear": 9}, "expected the observation['gear'] of whole numbers from (1,) to (3,)"),
        ({"pose": np.zeros((3, 2)), "gear": [1, 2]}, "expected every part of the observation for one moment"),
        (np.zeros(4), "expected an observation with shape (5,) or (B, 5), or one with the observation['pose'], the"),
    ],
)
def test_a_wrong_part_is_named(observation, expected):
    layout = layout_of(Dict({"pose": POSE, "gear": Discrete(3, start=1)}))
    order = layout if layout[0].path == ("pose",) else layout[::-1]
    with pytest.raises(ValueError, match=re.escape(expected)):
        rows_of(observation, order, 5)


def make_policy(action, layout=(), size=3):
    generator = np.random.default_rng(0)
    skeleton = Skeleton.tanh((size, action.size))
    weights = generator.standard_normal(skeleton.num_edges)
    return Policy(
        skeleton, weights, None, None, np.zeros(0), Normalizer(np.zeros(size), np.ones(size)), action, layout=layout
    )


def test_predict_gives_the_action_space_s_type_and_shape():
    space = Box(np.float32([-0.1, -2.0]), np.float32([0.1, 2.0]))
    policy = make_policy(ActionSpec("box", tuple(map(float, space.low)), tuple(map(float, space.high))))
    rows = np.random.default_rng(1).standard_normal((50, 3)) * 9
    assert all(space.contains(policy.predict(row)) for row in rows)
    np.testing.assert_array_equal(policy.predict(rows), policy(rows).astype(np.float32))
    assert policy.predict(rows.tolist()).shape == (50, 2)
    double = make_policy(replace(policy.action, real="float64"))
    assert double.predict(rows[0]).dtype == np.float64


def test_predict_gives_a_discrete_action_as_an_int():
    policy = make_policy(ActionSpec("discrete", choices=3, start=5))
    assert type(policy.predict([0.1, 0.2, 0.3])) is int
    assert policy.predict(np.eye(3)).dtype == np.int64
    assert 5 <= policy.predict([1.0, 0.0, 0.0]) <= 7


@pytest.mark.parametrize("shape", [(4,), (2, 4), (), (2, 2, 3)])
def test_predict_says_what_it_expected(shape):
    expected = f"expected an observation with shape (3,) or (B, 3), got {shape}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        make_policy(ActionSpec("discrete", choices=3)).predict(np.zeros(shape))


def test_goals_are_seen_as_in_training_also_by_a_policy_of_an_earlier_version():
    goal = Dict(achieved_goal=Box(-1, 1, (1,)), desired_goal=Box(-1, 1, (1,)), observation=Box(-1, 1, (2,)))
    shown = {"achieved_goal": [9.0], "desired_goal": [0.3], "observation": [0.1, 0.2]}
    for layout in (goal_layout(goal), ()):
        rows, single = rows_of(shown, layout, 3)
        np.testing.assert_array_equal(rows, [[0.1, 0.2, 0.3]])
        assert single
    with pytest.raises(ValueError, match=r"got one with pose: this policy was not trained on them"):
        rows_of({"pose": [0.0]}, (), 3)


class Shelf(gymnasium.Env):
    """Observations are a dictionary, actions of double precision."""

    observation_space = Dict({"pose": POSE, "gear": Discrete(3, start=1)})
    action_space = Box(-1, 1, (2,), np.float64)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.steps = 0
        return self._look(), {}

    def step(self, action):
        self.steps += 1
        return self._look(), -float(np.square(action).sum()), self.steps == 3, False, {}

    def _look(self):
        return {"pose": self.np_random.uniform(-1, 1, 2), "gear": int(self.np_random.integers(1, 4))}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    options = {"method": "linear", "population": 4, "steps": 60, "selections": 1, "selection_episodes": 2}
    return search(Shelf, out=tmp_path_factory.mktemp("runs") / "shelf", max_episode_steps=3, **options)


def test_a_run_s_policy_acts_on_what_its_environment_shows(run):
    env = Shelf()
    observation, _ = env.reset(seed=0)
    action = run.policy.predict(observation)
    assert env.action_space.contains(action)
    row = gymnasium.spaces.flatten(env.observation_space, observation)
    np.testing.assert_array_equal(action, run.policy(row))
    np.testing.assert_array_equal(Run(run.path).policy.predict(observation), action)


@pytest.mark.parametrize("place", ["robot", "deep/robot", "walker.json", "walker.safetensors"])
def test_a_policy_is_saved_without_its_run_and_comes_back_bit_for_bit(run, tmp_path, place):
    assert run.policy.save(tmp_path / place) == tmp_path / place
    loaded = compactrl.load_policy(tmp_path / place)
    rows = np.random.default_rng(0).standard_normal((9, 5))
    np.testing.assert_array_equal(loaded(rows), run.policy(rows))
    assert (loaded.layout, loaded.env, loaded.size) == (run.policy.layout, run.policy.env, run.policy.size)
    loaded.save(tmp_path / place)
    assert loaded.state_dict()["action"]["real"] == "float64"


def test_a_run_s_own_policy_is_read_and_not_replaced(run):
    assert compactrl.load_policy(run.path).env == run.policy.env
    with pytest.raises(InputError, match="is a run, with a policy of its own"):
        run.policy.save(run.path)


def test_files_that_are_no_policy_are_told(run, tmp_path):
    for place in (tmp_path, tmp_path / "nowhere", str(tmp_path / "nowhere.json")):
        with pytest.raises(InputError, match="holds no policy: expected a folder with"):
            compactrl.load_policy(place)
    with pytest.raises(InputError, match="expected a folder, or a name with one dot"):
        run.policy.save(tmp_path / "walker.v2.json")
    run.policy.save(tmp_path / "robot")
    (tmp_path / "robot" / "policy.safetensors").write_bytes(b"spoilt")
    with pytest.raises(DamagedFileError, match="does not have the content that was saved"):
        compactrl.load_policy(tmp_path / "robot")
    (tmp_path / "robot" / "policy.safetensors").unlink()
    with pytest.raises(DamagedFileError, match=r"policy\.safetensors is missing"):
        compactrl.load_policy(tmp_path / "robot")


def test_notebooks_show_policies_and_runs(run):
    shown = run.policy._repr_html_()
    assert "test_observations:Shelf" in shown
    assert "10 parameters" in shown
    assert repr(run.policy) == "Policy(test_observations:Shelf, linear, 5-2, 10 parameters)"
    shown = run._repr_html_()
    assert "over 100 fresh episodes)" in shown
    assert f"{a_return(run.summary['return_mean'])} ± " in shown
