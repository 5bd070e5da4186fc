"""The comparison of critics: effect sizes by hand, intervals, verdicts, and what becomes of studies."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # experiments is no installed package

from compactrl.searches.prepare import prepare
from experiments import critics


def rows_of(means, cosine=0.1):
    gradients = [{"cosine_mean": value} for value in (None, -9.0, cosine, cosine)]
    return [{"return_mean": mean, "return_best": 2 * mean, "gradients": gradients} for mean in means]


def test_an_effect_size_by_hand():
    one, other = np.array([5.0, 7.0, 9.0]), np.array([1.0, 3.0])
    assert critics.effect_size(one, other) == pytest.approx(5 / (((8 + 2) / 3) ** 0.5))
    assert np.isnan(critics.effect_size(np.ones(3), np.ones(2)))


@pytest.mark.parametrize(
    ("ours", "others", "word"),
    [([9, 10, 11], [1, 2, 3], "confirmed"), ([1, 2, 3], [9, 10, 11], "refuted"), ([1, 9, 5], [2, 8, 5], "undecided")],
)
def test_a_claim_is_confirmed_refuted_or_undecided(ours, others, word):
    found = critics.report({"sa-hyper": rows_of(ours, 0.5), "mlp": rows_of(others), "as-hyper": rows_of([1])})
    assert list(found) == ["mlp"]
    assert found["mlp"]["return_mean"]["verdict"].startswith(word)
    low, high = found["mlp"]["return_best"]["difference_interval"]
    assert low <= found["mlp"]["return_best"]["difference"] == 2 * (np.mean(ours) - np.mean(others)) <= high
    assert found["mlp"]["cosine"]["difference"] == pytest.approx(0.4)


@pytest.mark.parametrize("name", critics.SETTINGS)
def test_every_setting_is_a_search(name):
    options = {**critics.SETTINGS[name], "env": "compactrl/Target-v0", "critic_hidden": None, "gradient_interval": None}
    if options["critic_size" if "critic_size" in options else "critic"] == "paper":
        return  # hundreds of megabytes
    assert prepare(options).learner.critics.count == 2
    assert name in critics.LABELS
