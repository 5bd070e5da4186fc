"""Learning on another device: what it takes from there and puts there, without one and with one."""

import os

import numpy as np
import pytest
import torch
from pretended import CUDA, pretended_cuda

from compactrl.runs.run import Run
from compactrl.searches.api import finish, reopen, search, start

TOY = {"env": "compactrl/Target-v0", "threads": 1, "reevaluations": 1, "reevaluation_episodes": 2, "seed": 4}
ON_POLICY = {"n_steps": 10, "num_envs": 8, "batch_size": 40, "steps": 320, "critic_hidden": "8"}
OFF_POLICY = {"iteration_steps": 80, "batch_size": 16, "updates_per_step": 0.2, "learning_starts": 80, "steps": 320}
OFF_POLICY |= {"critic_hidden": "8"}
TASKS = {"env": "compactrl/HiddenPointMass-v0", "num_envs": 8, "n_steps": 20, "meta_batch": 2, "steps": 960}
TASKS |= {"critic_hidden": "8", "batch_size": 80, "n_epochs": 2}
WIDE = {"log_std_init": 0.0}
"""Two steps of adaptation enlarge what is rounded otherwise, the more the smaller deviations are."""
SMALL = {"widths": "4,8", "max_layers": 2, "rank": 4, "graph_size": 8, "meta_batch": 4}
SEARCHES = {
    "ppo": {"method": "ppo", "hidden": 4, **ON_POLICY, "target_kl": 0.01, "ent_coef": 0.01},
    "ppo-relu-state": {"method": "ppo", "hidden": 4, **ON_POLICY, "deviation": "state", "activation": "relu"},
    "ppo-discrete": {"method": "ppo", "hidden": 4, **ON_POLICY, "env": "CartPole-v1"},
    "hyperppo": {"method": "hyperppo", **SMALL, **ON_POLICY, "deviation": "per-architecture"},
    "hyperppo-dense": {"method": "hyperppo", **SMALL, **ON_POLICY, "decoder": "dense"},
    "shared-ppo": {"method": "shared", "learner": "ppo", "hidden": 4, "partitions": 3, **ON_POLICY},
    "toeplitz-ppo": {"method": "toeplitz", "learner": "ppo", "hidden": 4, **ON_POLICY},
    "trpo": {"method": "trpo", "hidden": 4, **ON_POLICY},
    "trpo-discrete": {"method": "trpo", "hidden": 4, **ON_POLICY, "env": "CartPole-v1"},
    "maml": {"method": "maml", "hidden": 4, **TASKS},
    "hyper-maml-state": {"method": "hyper-maml", "hidden": 4, **TASKS, **WIDE, "deviation": "state", "inner_steps": 2},
    "sac": {"method": "sac", "hidden": 4, **OFF_POLICY},
    "td3": {"method": "td3", "hidden": 4, **OFF_POLICY},
    "ghp": {"method": "ghp", **SMALL, **OFF_POLICY},
}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


def options_of(name, **more):
    return {**TOY, **SEARCHES[name], **more}


def test_the_device_that_is_not_there_refuses_what_a_real_one_does():
    with pretended_cuda() as mode:
        here, there = torch.ones(3), torch.ones(3, device="cuda")
        assert (here.device.type, (2 * there + there).device) == ("cpu", CUDA)
        with pytest.raises(RuntimeError, match="same device"):
            here + there
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        with pytest.raises(TypeError, match="numpy"):
            np.asarray(there)
        np.testing.assert_array_equal(there.cpu().numpy(), 1)
        assert torch.as_tensor(here, device=CUDA).device == CUDA
        assert here.device.type == "cpu"
        assert there.copy_(here).device == CUDA
        assert there[torch.tensor([0])].device == CUDA
        assert mode.moved


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_mixes_no_devices_and_goes_on_where_it_was(tmp_path, name):
    with pretended_cuda() as mode:
        running = start(options_of(name, device="cuda"), tmp_path / "pieces")
        assert mode.device_of(running.learner._theta) == CUDA
        finish(running, should_stop=lambda: running.iteration == 2)
        finish(reopen(tmp_path / "pieces"))
        assert mode.moved > 100
    run = Run(tmp_path / "pieces")
    whole = search(out=tmp_path / "whole", device="cpu", **options_of(name))
    assert run.summary["env_steps"] == whole.summary["env_steps"]
    for layer, other in zip(run.policy.layers, whole.policy.layers, strict=True):
        np.testing.assert_allclose(layer.weight, other.weight, rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device on this machine")
@pytest.mark.parametrize("name", SEARCHES)
def test_a_real_device_gives_what_the_cpu_gives_but_for_rounding(tmp_path, name):
    runs = [search(out=tmp_path / device, device=device, **options_of(name)) for device in ("cuda", "cpu")]
    for layer, other in zip(runs[0].policy.layers, runs[1].policy.layers, strict=True):
        np.testing.assert_allclose(layer.weight, other.weight, rtol=0.05, atol=0.02)
