"""Figures of critics' gradients: what is drawn of one study, and of several."""

import numpy as np

from compactrl.reports.gradient_figures import gradient_figure


def study(env_steps, cosines):
    return {"env_steps": env_steps, "cosines": cosines, "r_squared": [0.5] * 3, "split_half": [0.5] * 3}


def test_the_error_of_a_single_study_is_seen():
    curves, _ = gradient_figure({"one": [study(100, [0.2, 0.4, 0.9])]}).axes
    assert len(curves.containers) == 1
    low, high = curves.containers[0].lines[2][0].get_segments()[0][:, 1]
    assert low < 0.5 < high


def test_several_studies_have_a_band():
    curves, _ = gradient_figure({"run": [study(100, [0.2, 0.4, 0.9]), study(200, [0.1, 0.3, 0.5])]}).axes
    assert not curves.containers
    assert len(curves.collections) == 1


def test_the_share_of_states_above_a_cosine_is_that_of_a_count():
    cosines = [-0.5, 0.2, 0.9]
    _, shares = gradient_figure({"one": [study(100, cosines)]}).axes
    drawn = shares.lines[0]
    assert drawn.get_drawstyle() == "steps-pre"  # what is drawn up to a point is the height there
    for at in (-0.9, 0.0, 0.5, 0.95):
        height = drawn.get_ydata()[np.searchsorted(drawn.get_xdata(), at)]
        assert round(height) == round(100 * np.mean(np.array(cosines) > at))
