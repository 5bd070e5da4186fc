"""Sizes in words: bits are the paper's, bytes are those of the tables, and one does not follow from the other."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from compactrl.cli.sentences import describe_play, describe_sizes
from compactrl.reports.film import Played

SIZES = {"weights": 3, "biases": 4, "parameters": 7, "compression": 0.7, "bits": 264}


def test_bits_and_bytes_are_two_numbers():
    assert describe_sizes({**SIZES, "bytes": 45}) == (
        "3 weights + 4 biases = 7 parameters (70 % fewer than unstructured), 264 bits by the paper's formula; "
        "its tables take 45 bytes"
    )


def test_a_summary_of_before_has_no_bytes_to_tell():
    assert describe_sizes(SIZES).endswith("264 bits by the paper's formula")


def test_a_film_is_told_of_beside_what_the_search_ended_with(tmp_path):
    summary = {"return_mean": 80.94, "return_std": None, "episodes": 100}
    run = SimpleNamespace(path=tmp_path, summary=summary, config={"env": "Hopper-v5", "engine": "envpool"})
    played = Played(Path("film.mp4"), np.array([92.61, 80.0]), [64, 50], "in real time")
    told = "return 92.6, 80.0 in 64, 50 steps, played in Gymnasium's Hopper-v5"
    assert describe_play(run, played) == f"film in film.mp4, in real time\n{told}"  # it has no summary yet
    (tmp_path / "summary.json").touch()
    ended = "; its search ended with 80.9 ± 0.0 over 100 episodes in envpool"
    assert describe_play(run, played) == f"film in film.mp4, in real time\n{told}{ended}"
    assert describe_play(run, played._replace(path=None)) == f"return 92.6, 80.0 in 64, 50 steps{ended}"
