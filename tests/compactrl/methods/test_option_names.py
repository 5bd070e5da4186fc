"""Other names of options, in Python and in the records of runs of earlier versions."""

import json
from pathlib import Path

import pytest

import compactrl
from compactrl.errors import DamagedFileError, InputError, flag_of
from compactrl.methods.help import every_option
from compactrl.methods.names import ALIASES, EARLIER, current
from compactrl.methods.settings import resolve
from compactrl.runs.checkpoints import load_checkpoint, save_checkpoint
from compactrl.runs.run import Run

GLOSSARY = Path(__file__).parents[3] / "docs" / "glossary.md"
TINY = {
    "env": "compactrl/Target-v0", "hidden": 4, "partitions": 3, "population": 8, "steps": 1200, "threads": 1,
    "checkpoint_seconds": 0,
}  # fmt: skip


def test_every_other_name_is_of_an_option_and_is_none_itself():
    assert set(ALIASES.values()) <= every_option().keys()
    assert not ALIASES.keys() & every_option().keys()


def test_old_names_are_taken_as_the_new_ones():
    old = {"lanes": 4, "settle": 0.3, "selections": 3, "selection_episodes": 5, "settle_es": "cem"}
    new = {"num_envs": 4, "fine_tune_share": 0.3, "reevaluations": 3, "reevaluation_episodes": 5, "fine_tune_es": "cem"}
    assert resolve(old) == resolve(new)
    old = {"discount": 0.9, "target_rate": 0.1, "replay_size": 500, "random_steps": 50, "critic_clip": 1.0}
    new = {"gamma": 0.9, "tau": 0.1, "buffer_size": 500, "learning_starts": 50, "critic_huber_delta": 1.0}
    assert resolve({"method": "sac", **old}) == resolve({"method": "sac", **new})
    old = {"average_share": 0.2, "actor_final_rate_share": 0.5, "tell_critics": False}
    new = {"weight_averaging": 0.2, "actor_learning_rate_decay": 0.5, "conditioned_critics": False}
    assert resolve({"method": "ghp", **old}) == resolve({"method": "ghp", **new})


def test_names_of_other_libraries_are_taken():
    given = {"env_id": "compactrl/Target-v0", "total_timesteps": "20k", "n_envs": 4, "popsize": 32}
    search = resolve(given).search
    assert (search.env, search.steps, search.num_envs) == ("compactrl/Target-v0", 20_000, 4)
    assert resolve(given).learner.population == 32


def test_an_option_given_by_two_names_is_refused_unless_both_say_the_same():
    with pytest.raises(InputError, match="--lanes and --num-envs are the same option: give one of them"):
        resolve({"lanes": 4, "num_envs": 5})
    assert current({"lanes": 4, "num_envs": 4}) == {"num_envs": 4}


def as_an_earlier_version(path):
    """Give a run's record and its checkpoints the names that options had."""
    old = {new: name for name, new in EARLIER.items() if name != "sampling"}
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    config["options"] = {old.get(name, name): value for name, value in config["options"].items()}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return config["options"]


def test_a_run_of_an_earlier_version_opens_goes_on_and_takes_the_new_names(tmp_path):
    run = compactrl.search(out=tmp_path / "run", selections=2, lanes=4, settle=0.3, selection_episodes=2, **TINY)
    recorded = run.config
    earlier = as_an_earlier_version(run.path)
    assert {"lanes", "settle", "selections"} <= earlier.keys()
    assert not {"num_envs", "fine_tune_share", "reevaluations"} & earlier.keys()
    assert Run(run.path).config == recorded
    assert load_checkpoint(run.path, {**recorded})
    resumed = compactrl.resume(run.path, steps="2.4k")
    written = json.loads((run.path / "config.json").read_text(encoding="utf-8"))["options"]
    assert written == {**recorded, "steps": 2400}
    assert resumed.summary["finished"]
    assert resumed.evaluate(3).episodes == 3


def test_a_checkpoint_of_an_earlier_version_is_one_of_the_same_search(tmp_path):
    save_checkpoint(tmp_path, 1, {"options": json.dumps({"lanes": 4, "settle": 0.3, "seed": 1})})
    now = {"num_envs": 4, "fine_tune_share": 0.3, "seed": 1}
    assert load_checkpoint(tmp_path, now)[0] == 1
    with pytest.raises(DamagedFileError, match=r"fine_tune_share is 0\.3 there and 0\.4 here"):
        load_checkpoint(tmp_path, {**now, "fine_tune_share": 0.4})


def test_the_glossary_has_every_other_name_beside_the_name_of_today():
    rows = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    for other, name in ALIASES.items():
        written = {f"`{flag_of(other)}`", f"`{other}`"}
        assert [row for row in rows if f"`{flag_of(name)}`" in row and any(word in row for word in written)], other
