"""Rows of the experiment on tasks: searches that there are, networks of the sizes that are promised."""

import pytest

from compactrl.compressions import ContextTasks, HyperTasks
from compactrl.methods.settings import resolve
from compactrl.policies.contexts import Contexts, Uniform
from compactrl.policies.skeleton import Skeleton
from experiments.tasks import AS_LARGE, GROUPS, LEARNING, ROWS, budget_of, given_to

BOX = Uniform((0.0,), (3.0,))
VELOCITY = Contexts(("velocity",), (0.0,), (3.0,), BOX, BOX)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_a_search(name):
    settings = resolve(given_to(ROWS[name], seed=1))
    batch = settings.learner.batch_size
    assert settings.lanes % settings.meta_batch.meta_batch == batch % settings.meta_batch.meta_batch == 0
    if "pearl" not in name:  # it learns from a replay buffer, whatever an iteration has
        assert settings.learner.n_steps * settings.lanes % batch == 0
    assert settings.search.steps == ROWS[name].steps


def test_groups_have_all_rows_once():
    assert sorted(row for rows in GROUPS.values() for row in rows) == sorted(ROWS)
    assert {ROWS[row].steps for row in GROUPS["learning"]} == {LEARNING}
    assert {len(ROWS[row].seeds) for row in GROUPS["learning"]} == {5}
    assert budget_of(ROWS["hyper-fwdback"]) == "0.8M"


def test_the_large_context_network_is_as_large_as_the_hypernetwork():
    sizes = {
        kind: kind(
            Skeleton.relu((17, *map(int, hidden.split(",")), 6)), kind.Options().completed(VELOCITY, 0)
        ).num_parameters
        for kind, hidden in ((HyperTasks, "64"), (ContextTasks, AS_LARGE))
    }
    assert sizes[ContextTasks] == pytest.approx(sizes[HyperTasks], rel=0.01)
