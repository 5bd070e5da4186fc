"""What a search found: the numbers of `analyze`, and its figures and those of architectures."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import compactrl
from compactrl.errors import CompactrlError, InputError
from compactrl.policies.files import save_policy
from compactrl.reports import analysis, architectures, coloring, figures, pictures, run_curves, style
from compactrl.reports.reading import read_record
from compactrl.reports.report import compare
from compactrl.reports.smallest import smallest_architecture
from compactrl.runs.history import load_trace


def test_the_policy_s_colouring_is_measured(make_run):
    measured = compactrl.analyze(make_run("run", partitions=3))
    assert measured.colors_used == 3
    shares = np.bincount(np.arange(20) % 3) / 20
    assert measured.entropy == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-12)
    assert [layer.shape for layer in measured.layers] == [(4, 3), (2, 4)]
    assert all(0 <= rank <= min(layer.shape) for layer in measured.layers for rank in layer.ranks.values())
    values = measured.to_dict()
    assert values["entropy_random_interval"][0] < values["entropy_random_mean"] < values["entropy_even"]
    assert json.loads(json.dumps(values)) == values


def test_each_proposal_is_compared_with_the_one_before(make_run):
    path = make_run("run", iterations=6)
    similarity = compactrl.analyze(path).similarity
    trace = load_trace(path)
    assert len(similarity.rand_index) == 5
    np.testing.assert_array_equal(similarity.iterations, [2, 3, 4, 5, 6])
    pair = trace.designs[3], trace.designs[4]
    assert similarity.rand_index[3] == coloring.rand_index(*pair)
    assert similarity.variation_of_information[3] == coloring.variation_of_information(*pair)
    assert similarity.distance[3] == (pair[0] != pair[1]).sum()


def test_an_older_run_without_a_trace_is_analysed_without_one(make_run):
    measured = compactrl.analyze(make_run("run", history=False))
    assert measured.similarity is None
    with pytest.raises(InputError, match="has recorded no colourings to compare"):
        analysis.similarity_curves(measured)
    assert isinstance(analysis.entropy_histogram(measured), Figure)


def test_what_cannot_be_analysed_says_why(make_run, make_policy, tmp_path):
    path = make_run("run")
    with pytest.raises(InputError, match="holds no run"):
        compactrl.analyze(tmp_path / "nowhere")
    policy = make_policy(np.zeros(20, np.int64), 1)
    nothing = np.zeros(20, np.int64)
    empty = replace(policy, weights=np.zeros(0), index=nothing, mask=nothing, design=nothing, method="masked")
    save_policy(path / "policy", empty)
    with pytest.raises(InputError, match="the mask has dropped every edge"):
        compactrl.analyze(path)
    (path / "policy.json").unlink()
    with pytest.raises(CompactrlError, match="has no policy yet"):
        compactrl.analyze(path)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in (axes.xaxis.label, axes.yaxis.label, axes.title)]


def test_figures_are_matplotlib_s_and_leave_its_settings_alone(make_run, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    for seed in range(2):
        make_run(f"a{seed}", 100.0 + seed, seed=seed)
        make_run(f"m{seed}", 50.0 + seed, seed=seed, method="masked", partitions=None)
    report = compare(tmp_path)
    ranked = report.ranked(report.environments[0])
    for draw in (
        figures.learning_curves, figures.returns_against, figures.performance_profiles, figures.improvement_matrix,
        figures.usage_curves,
    ):  # fmt: skip
        figure = draw(ranked)
        assert isinstance(figure, Figure)
        assert "return" in " ".join(texts(figure)) or draw is figures.improvement_matrix
    assert dict(matplotlib.rcParams) == before


def lines_at(figure, axes=0):
    return {line.get_label(): line.get_xydata() for line in figure.axes[axes].lines}


def test_a_learning_curve_is_the_mean_of_few_seeds(make_run, tmp_path):
    make_run("a0", 100.0, seed=0)
    make_run("a1", 300.0, seed=1)
    report = compare(tmp_path)
    (curve,) = lines_at(figures.learning_curves(report.configurations)).values()
    np.testing.assert_allclose(curve[-1], [1200, 200.0])
    np.testing.assert_allclose(curve[0], [300, 200.0 * 3 / 12])


def test_a_mark_stands_wherever_another_design_is_better_and_a_bar_wherever_the_proposal_changed(make_run):
    record = read_record(make_run("run"))
    figure = run_curves.run_curve(record)
    marks = [line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(
        marks, [600, 1100]
    )  # not the first design, which is in no other's place; and where fine-tuning began
    (bars,) = figure.axes[1].collections
    changed = [segment[1][1] for segment in bars.get_segments()]
    designs = record.trace.designs
    np.testing.assert_allclose(changed, (designs[1:] != designs[:-1]).mean(axis=1))


def test_a_learning_curve_shows_what_would_ship_and_no_candidates(make_run):
    path = make_run("run", iterations=3)
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    lines[1] |= {"policy_return_mean": 40.0, "shipped_return_mean": 60.0}  # the winner of a re-evaluation did not last
    lines[2] |= {"policy_return_mean": 90.0, "shipped_return_mean": 80.0}
    (path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    steps, returns = run_curves.curve(read_record(path))
    np.testing.assert_array_equal(steps, [200, 300])
    np.testing.assert_array_equal(returns, [60.0, 80.0])
    without = [{key: value for key, value in line.items() if "_return_mean" not in key} for line in lines]
    (path / "metrics.jsonl").write_text("\n".join(map(json.dumps, without)))
    assert len(run_curves.curve(read_record(path))[0]) == 0


def test_of_a_design_that_is_no_colouring_nothing_of_colours_is_shown(make_run, make_policy, tmp_path):
    """A graph hypernetwork's design is the widths of its layers; a dense policy has none."""
    for name, design in (("widths", np.array([4])), ("none", np.zeros(0, np.int64))):
        path = make_run(name)
        dense = replace(make_policy(np.arange(20), 20), design=design, method="ghp")
        save_policy(path / "policy", dense)
        page = compare(path).save(tmp_path / "page.html").read_text()
        titles = set(re.findall(r"<h4>(.*?)</h4>", page))
        assert titles == {"The search"}
        assert "ntropy" not in page
        assert len(run_curves.run_curve(read_record(path)).axes) == 1
        with pytest.raises(InputError, match="every edge of its policy has a weight of its own"):
            compactrl.analyze(path)


def test_zero_is_the_neutral_middle_of_the_weights_colours():
    colors = style.diverging(np.array([-0.1, 0.0, 5.0, -3.0, 0.0, 0.2, 5.0]))
    neutral = style.diverging(np.zeros(1))[0]
    np.testing.assert_array_equal(colors[[1, 4]], [neutral, neutral])
    assert np.ptp(neutral) < 0.05  # grey
    red_over_blue = colors[:, 0] - colors[:, 2]
    assert (red_over_blue[[0, 3]] < -0.1).all()
    assert (red_over_blue[[2, 5, 6]] > 0.1).all()
    assert red_over_blue[3] < red_over_blue[0]
    assert red_over_blue[5] < red_over_blue[2] == red_over_blue[6]


def test_a_notebook_shows_a_figure_as_it_is_returned(make_run):
    figure = run_curves.run_curve(read_record(make_run("run")))
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("limits", [(6656.0, 6784.0), (20.0, 350.0), (3.0, 2e6), (208.0, 212.0)])
def test_a_logarithmic_axis_has_a_few_ticks_whatever_its_range(limits):
    _, axes = style.canvas()
    axes.plot(limits, limits)
    style.log_axis(axes)
    low, high = axes.get_xlim()
    assert 2 <= sum(low <= tick <= high for tick in axes.get_xticks()) <= style.MOST_TICKS


def test_the_grid_and_the_network_show_every_edge_in_its_colour(make_policy):
    policy = make_policy(np.arange(20) % 3, 3)
    grid = pictures.coloring_grid(policy)
    images = [axes.images[0].get_array() for axes in grid.axes[:2]]
    assert [image.shape[:2] for image in images] == [(3, 4), (2, 4)]  # the longer side lies flat
    shades = {tuple(pixel[:3]) for image in images for pixel in image.reshape(-1, 4)}
    assert len(shades) == 3
    network = pictures.network_drawing(policy)
    (axes,) = network.axes
    paths = [path for collection in axes.collections[:3] for path in collection.get_paths()]
    assert sum(len(path.vertices) // 2 for path in paths) == 20


TABLE = {
    "env_steps": 100,
    "architectures": [
        {"parameters": 10, "memory_dimension": 5, "return_mean": 79.0},
        {"parameters": 20, "memory_dimension": 6, "return_mean": 85.0},
        {"parameters": 25, "memory_dimension": 6, "return_mean": 95.0},
        {"parameters": 90, "memory_dimension": 9, "return_mean": 100.0},
        {"parameters": 95, "memory_dimension": 9, "return_mean": None},
    ],
}


def test_the_smallest_architecture_with_a_share_of_the_return():
    assert [architectures.leading(TABLE, share)["parameters"] for share in (1.0, 0.9, 0.8)] == [90, 25, 20]
    lowered = {
        "architectures": [{**row, "return_mean": (row["return_mean"] or 0) - 100} for row in TABLE["architectures"]]
    }
    assert architectures.leading(lowered, 0.9)["parameters"] == 25  # at least -10, on the way from -100 to 0
    mixed = {"architectures": [{"parameters": 5, "return_mean": -50.0}, *TABLE["architectures"]]}
    assert architectures.leading(mixed, 0.9)["parameters"] == 25  # 90; on the way from -50 it would be 85
    failed = {"architectures": [{"parameters": 5, "return_mean": None}]}
    assert architectures.leading(failed, 0.9) is None


def test_the_line_about_architectures_has_size_bytes_and_value():
    rows = [{"widths": [size], **row} for size, row in zip((2, 4, 5, 18, 19), TABLE["architectures"], strict=True)]
    line = str(smallest_architecture(rows))
    assert line == (
        "smallest with 90 % of the best return: hidden layer 5, 25 parameters, 100 bytes, return 95.0 (best: 100.0)"
    )
    known = [{**row, "success_mean": 0.5 + 0.1 * place} for place, row in enumerate(rows[:4])]
    assert "success 0.80 (the best itself)" in str(smallest_architecture(known))
    assert "return 95" in str(smallest_architecture([{**row, "success_mean": 0.0} for row in rows[:4]]))
    assert smallest_architecture([{"parameters": 5, "return_mean": None}]) is None


def test_every_architecture_is_a_point_and_the_leading_ones_are_curves():
    for capacity in architectures.CAPACITIES:
        points, *ringed = architectures.capacity_points(TABLE, capacity).axes[0].collections
        assert len(points.get_offsets()) == 4
        assert [ring.get_label() for ring in ringed] == ["best: linear", "90 %: linear", "80 %: linear"]
    figure = architectures.leading_architectures([TABLE, {**TABLE, "env_steps": 300}])
    np.testing.assert_allclose(lines_at(figure, 1)["smallest with 90 % of it"], [[100, 25], [300, 25]])
