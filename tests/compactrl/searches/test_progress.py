"""What is shown while something works: plain lines here, since no terminal is there."""

import pytest
from rich.console import Console

from compactrl.searches import progress as module
from compactrl.searches.api import search, start
from compactrl.searches.progress import Display, EvaluationProgress, Look, SearchProgress, evaluation_look

OPTIONS = {"env": "compactrl/Target-v0", "method": "linear", "population": 8, "steps": 800, "reevaluation_episodes": 2}


class Work(Display):
    def __init__(self, quiet=False):
        super().__init__(quiet)
        self.done = 0

    def look(self):
        return Look(self.done, 1000, f"{self.done} of 1000 things", "text with [brackets]")


def test_plain_lines_come_now_and_then_without_codes(capsys):
    work = Work()
    began = work._began
    for second in range(35):
        work.done = 10 * second
        work.show(began + second)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "100 of 1000 things  1 min 30 s left  text with [brackets]",
        "200 of 1000 things  1 min 20 s left  text with [brackets]",
        "300 of 1000 things  1 min 10 s left  text with [brackets]",
    ]


def test_work_that_stands_still_is_not_told_again(capsys):
    work = Work()
    for second in range(100):
        work.done = 10 * min(second, 15)
        work.show(work._began + second)
    assert capsys.readouterr().err.splitlines() == [
        "100 of 1000 things  1 min 30 s left  text with [brackets]",
        "150 of 1000 things  1 min 24 s left  text with [brackets]",  # steps of the work have taken 1 s so far
    ]


def test_of_seconds_by_the_clock_is_left_what_is_left_however_late_they_are_looked_at(capsys, monkeypatch):
    work = Work()
    monkeypatch.setattr(work, "look", lambda: Look(10, 3600, "10 s of 1 h 0 min", timed=True))
    work.show(work._began + 11)
    assert capsys.readouterr().err == "10 s of 1 h 0 min  59 min 50 s left\n"


def test_what_was_done_before_is_not_part_of_the_rate(capsys):
    work = Work()
    work.done = 800
    work.show(work._began)
    work.begin_measuring()
    work.show(work._began + 1)
    work.done = 810
    work.show(work._began + 11)
    assert capsys.readouterr().err.startswith("810 of 1000 things  3 min 10 s left")


def test_the_end_is_shown_once_and_the_thread_is_gone(capsys):
    with Work() as work:
        work.done = 1000
    assert capsys.readouterr().err == "1000 of 1000 things  text with [brackets]\n"
    assert not work._thread.is_alive()
    with Work(quiet=True):
        pass
    with EvaluationProgress(quiet=False):  # over at once
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("width", [80, 200])
def test_a_terminal_has_a_bar_of_one_line(monkeypatch, capsys, width):
    monkeypatch.setattr(module, "Console", lambda **how: Console(force_terminal=True, width=width, **how))
    with Work() as work:
        work.done = 500
        work.show(work._began + 10)
        assert "500 of 1000 things  10 s left" in work._bar.tasks[0].description
    assert "\x1b[" in capsys.readouterr().err


def test_progress_of_a_search_is_shown_where_it_is_asked_for(tmp_path, capsys):
    search(out=tmp_path / "silent", **OPTIONS)
    assert capsys.readouterr() == ("", "")
    search(out=tmp_path / "run", progress=True, **OPTIONS)
    out, error = capsys.readouterr()
    assert out == ""
    lines = error.splitlines()
    assert lines[0].startswith("linear for compactrl/Target-v0: 3-2 policies")
    assert lines[1].startswith("return: mean of a generation's candidates, with noise; final policy: ")
    assert lines[-1].startswith("800 of 800 steps  return -")
    assert "final policy -" in lines[-1]
    assert len(lines) == 3
    assert "\x1b" not in error


class Slow:
    """A search of 100 steps a second, as far as a display looks at it."""

    def __init__(self, running):
        self.options, self.learner, self.spec, self.writer = (
            running.options, running.learner, running.spec, running.writer,
        )  # fmt: skip
        self.env_steps, self.underway, self.environments = 0, 0, 1


def test_a_search_that_takes_hours_is_warned_of_once(tmp_path, capsys):
    running = start({**OPTIONS, "steps": 3_600_000}, tmp_path / "run")
    slow = Slow(running)
    display = SearchProgress(slow, "Ctrl-C saves", quiet=False, option="--steps {}")
    capsys.readouterr()
    for second in range(30):
        slow.env_steps, slow.underway = 100 * second // 2, 100 * second - 100 * second // 2
        display.show(display._began + second)
    running.close()
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert warnings == ["warning: about 10 h at this rate; Ctrl-C saves; --steps 180e3 takes about 30 minutes"]


def test_an_evaluation_has_at_most_so_many_steps():
    class Evaluator:
        underway = 48_200

    assert evaluation_look(Evaluator(), 100_000, "evaluation").amount == "evaluation: 48.2 k of at most 100 k steps"
