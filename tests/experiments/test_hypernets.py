"""What is said of architectures comes from fresh episodes, on a toy whose best one is known."""

import numpy as np

from compactrl.catalogs.catalog import open_catalog
from compactrl.catalogs.evaluation import evaluate_all
from compactrl.runs.run import Run
from compactrl.searches.api import search
from experiments import hypernets


def test_lucky_architectures_do_not_stay_the_best(tmp_path, monkeypatch):
    search(
        out=tmp_path / "run", method="ghp", env="compactrl/Target-v0", widths="4,8", max_layers=2, steps=400,
        random_steps=200, iteration_steps=200, rank=4, graph_size=8, critic_hidden=8, batch_size=16, meta_batch=2,
        selection_episodes=2,
    )  # fmt: skip
    monkeypatch.setattr(hypernets, "EPISODES", 12)
    catalog = open_catalog(Run(tmp_path / "run"))
    rows = evaluate_all(catalog, episodes=2)
    true = {tuple(row["widths"]): row["return_mean"] for row in evaluate_all(catalog, episodes=40)}
    chosen = hypernets.fresh(catalog, rows)
    assert list(chosen) == ["max"]  # returns of this toy are negative: no share of them means anything
    best = chosen["max"]
    assert best["episodes"] == 12
    assert best["parameters"] == catalog.parameters(tuple(best["widths"]))
    spread = np.ptp(list(true.values()))
    assert true[tuple(best["widths"])] >= max(true.values()) - 0.5 * spread


def test_the_smallest_that_comes_near_must_do_so_twice_on_fresh_episodes():
    true = {(number,): number / 100 for number in range(1, 100)}
    lucky = {(41,): hypernets.REMATCH, (80,): hypernets.EPISODES}
    asked = []

    def returns(architectures, episodes):
        asked.append((len(architectures), episodes))
        means = [1.0 if lucky.get(widths) == episodes else true[widths] for widths in architectures]
        return np.repeat(np.array(means)[:, None], 2, axis=1)

    widths, finals = hypernets.first_with(list(true), 0.9, returns)
    assert widths == (90,)  # 41 was lucky in the rematch alone, 80 never got to the second
    np.testing.assert_array_equal(finals, [0.9, 0.9])
    rematch, final = hypernets.REMATCH, hypernets.EPISODES
    assert asked == [(32, rematch), (32, rematch), (1, final), (32, rematch), (1, final)]
    assert hypernets.first_with(list(true), 2.0, returns) is None
