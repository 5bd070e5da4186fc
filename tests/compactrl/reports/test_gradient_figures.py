"""Figures of critics' gradients: what is drawn of one study, and of several."""

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
