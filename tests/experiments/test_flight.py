"""The firmware's controllers fly the simulator as they are known to; a run's policy flies beside them."""

import numpy as np
import pytest

from compactrl.envs.robots import Quadrotor
from compactrl.methods.settings import resolve
from compactrl.searches.api import search
from experiments import flight
from experiments.pilots import OPTIONS, Cascade, Geometric


def figure_eight(pilot, period, seconds, **told):
    env = Quadrotor(1, **OPTIONS, scenario="figure-eight", spread=0.0, period=period)
    controller = pilot(env, **told)
    _, paths = flight.fly(env, lambda _: controller(), seconds)
    late = paths[len(paths) // 2 :, :, :, 0]
    return np.sqrt(((late[:, 0] - late[:, 1]) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize(
    ("pilot", "told", "known"),
    [(Cascade, {}, 0.53), (Geometric, {}, 0.52), (Geometric, {"full_state": True}, 0.041)],
)
def test_figures_of_eight_are_followed_as_closely_as_by_the_firmwares_own_code(pilot, told, known):
    """Known of the firmware's C in a simulator of these equations: root mean squared errors in metres."""
    assert figure_eight(pilot, 5.5, 5.5, **told) == pytest.approx(known, rel=0.25)


def test_everything_flies_over_every_scenario(tmp_path, monkeypatch, capsys):
    run = search(
        out=tmp_path / "runs/flight/linear-3", env="compactrl/Quadrotor-v0", method="linear", population=4, steps=400,
        max_episode_steps=20, reevaluations=1, reevaluation_episodes=2, seed=3, env_options={"scenario": "static"},
    )  # fmt: skip
    monkeypatch.setattr(flight, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(flight, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(flight, "SECONDS", 0.2)
    monkeypatch.setattr(flight, "KILOBYTE", 100)
    monkeypatch.setattr(flight, "PILOTS", {"PID cascade": Cascade})
    monkeypatch.setattr(flight.fly_pilot, "__defaults__", (2, 0.2))
    monkeypatch.setattr(flight.fly, "__defaults__", (0.2,))
    flight.main(None, "0", 1, 2, False, False, False)
    told = capsys.readouterr().out
    assert told.startswith("PID cascade: static ")
    assert "linear: static " in told
    assert "linear, int8: static " in told
    assert (tmp_path / "results/paths.png").exists()
    row, paths = flight.fly_run(run, "linear", 2)
    assert row["trained_on"] == "static"
    assert set(row["scenarios"]) == set(flight.SCENARIOS) == set(paths)


def test_a_setting_that_is_not_there_is_told():
    with pytest.raises(SystemExit, match="no setting 'for': there are four-static"):
        flight.main(["for"], "0", 1, 2, False, False, False)


@pytest.mark.parametrize("name", flight.SETTINGS)
def test_settings_are_options_that_there_are(name):
    options = flight.SETTINGS[name]
    assert resolve({**options, "steps": int(options["steps"])})
