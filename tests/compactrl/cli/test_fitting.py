"""`compactrl fit` and `compactrl zoo` from the command line."""

import json
import math
import signal
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from compactrl import cli
from compactrl.cli.fitting import describe_story
from compactrl.fits import api, race, shipping, story
from compactrl.fits.portfolio import EVOLVERS
from compactrl.fits.story import Stage


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run the command line in an empty folder with one row of a fit; returns exit status, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr(race, "EVOLVERS", [row for row in EVOLVERS if row.name == "linear"])
    monkeypatch.setattr(shipping, "FINAL_EPISODES", 5)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    show = warnings.showwarning

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["compactrl", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsys.readouterr()

    yield run
    warnings.showwarning = show
    for number, handler in before.items():
        signal.signal(number, handler)


FIT = ("fit", "compactrl/Target-v0", "--max-bytes", "100", "--steps", "20k", "--threads", "1", "--out", "found")


def test_a_fit_says_what_ships_and_what_to_do_next_and_its_folder_is_a_run(call, tmp_path):
    status, out, err = call(*FIT)
    assert status == 0
    assert "in 32 bytes (of 100): linear, mean of 5 fresh episodes that no choice was based on" in out
    assert "export found --out found-c --verify" in out
    assert "best so far" in err
    assert "evolvers: linear" in err
    status, out, _ = call("evaluate", "found", "--episodes", "3", "--json")
    assert (status, json.loads(out)["bytes"]) == (0, 32)
    _, out, _ = call(*FIT, "--json", "--quiet")
    assert json.loads(out)["shipped"][0]["max_bytes"] == 100
    assert call("export", "found", "--out", tmp_path / "c")[0] == 0


def test_a_report_of_a_fit_tells_how_it_went(call, tmp_path):
    call(*FIT, "--quiet")
    status, out, err = call("report", "found", "--html", "page.html")
    assert status == 0
    assert out.splitlines()[0].startswith("methods from nothing, their first share: linear ")
    assert "the last meeting, of at most 100 bytes: linear" in out
    assert "in 32 bytes (of 100): linear" in out
    assert err.strip() == "report in page.html"
    assert "<h2>How it went</h2>" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "linear" in call("report", "found", "--markdown")[1]  # and as any run, beside others


def test_returns_have_the_digits_of_a_return_and_who_failed_is_told(monkeypatch):
    returns = {"linear": 2000.0, "dense": -math.inf}
    stage = Stage("evolvers", "first shares", returns, ("dense",))
    monkeypatch.setattr(story, "story_of", lambda _: SimpleNamespace(stages=[stage]))
    shipped = {"candidate": "linear", "bytes": 32, "max_bytes": 100, "return_mean": 5397.83, "episodes": 100}
    front = {"shipped": [{**shipped, "return_interval": [5300.0, 5500.0]}], "candidates": []}
    found = SimpleNamespace(path=Path("found"), front=front, finished=True)
    first, second = describe_story(found, "compactrl").splitlines()
    assert first == "first shares: linear 2000, dense failed; left: dense"
    assert second.startswith("5398 ± 100 in 32 bytes (of 100): linear, mean of 100 fresh episodes")


def test_a_policy_that_ships_is_reported_on_by_its_name(call):
    status, out, err = call("report", "zoo:CartPole-v1/64B")
    assert status == 0
    assert "linear" in out
    assert "cannot be read" not in err


def test_a_missing_compiler_is_told_in_one_line(call, monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    status, _, err = call("fit", "CartPole-v1", "--max-flash", "4kB")
    assert status == 1
    assert err == (
        "error: --max-flash is measured with compiled code, and arm-none-eabi-gcc is not installed: apt-get install "
        "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_fit_that_is_stopped_ships_the_best_so_far_and_goes_on(call, monkeypatch):
    asked = iter(range(10**9))
    original = api.run_fit

    def stopped(options, out, threads, quiet, stop):
        def asking():
            if next(asked) == 30:
                signal.raise_signal(signal.SIGINT)
            return stop()

        return original(options, out, threads, quiet, asking)

    monkeypatch.setattr(api, "run_fit", stopped)
    arguments = [{"20k": "300k"}.get(word, word) for word in FIT]
    status, out, err = call(*arguments)
    assert status == 130
    assert "stopping; the best so far will be evaluated and kept" in err
    assert "stopped before its end; go on with: compactrl resume found" in out
    monkeypatch.setattr(api, "run_fit", original)
    status, out, _ = call("resume", "found", "--quiet")
    assert status == 0
    assert "stopped before" not in out
    assert call("resume", "found", "--steps", "400k")[2].startswith("error: --steps 400k: found is a fit")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit",), "a fit needs an environment, such as HalfCheetah-v5"),
        (("fit", "CartPole-v1"), "a fit needs --max-bytes"),
        (("fit", "CartPole-v1", "--env", "Pendulum-v1"), "CartPole-v1 and --env Pendulum-v1: name one environment"),
        (("fit", "CartPole-v1", "--max-bytes", "lots"), "--max-bytes lots: expected a whole number of bytes"),
        (("fit", "CartPole-v1", "--max-bytes", "9"), "no policy for CartPole-v1 fits; the smallest possible takes 33"),
        (("fit", "CartPole-v1", "--max-bytes", "99", "--time", "-1"), "--time -1: expected at least 1"),
        (("fit", "CartPole-v1", "--max-bytes", "99", "--stop-at", "high"), "--stop-at high: expected a number"),
        (("fit", "CartPole-v1", "--max-bytes", "99", "--seed", "-1"), "--seed -1: expected a whole number, at least 0"),
        (("fit", "CartPole-v1", "--max-bytes", "99", "--env-options", "{"), "--env-options {: not a JSON object"),
        (("fit", "CartPole-v1", "--max-bytes", "9", "--max-flash", "2kB"), "a fit has one kind of budget, give one"),
        (("fit", "CartPole-v1", "--max-parameters", "0"), "--max-parameters 0: expected at least 1"),
        (("fit", "CartPole-v1", "--max-flash", "3furlongs"), "--max-flash 3furlongs: expected a whole number of bytes"),
        (("fit", "CartPole-v1", "--max-bytes", "99", "--time", "0"), "--time 0: expected at least 1 second"),
        (("fit", "CartPole-v1", "--max-bytes", "99", "--target", "arduino"), "--target arduino is for code"),
        (("resume", "zoo:CartPole-v1/64B"), "zoo:CartPole-v1/64B ships in the package, where no search goes on"),
        (("report", "zoo:CartPol-v1/64B"), "Did you mean 'zoo:CartPole-v1/64B'"),
        (("fit", "CartPole-v1", "--max-byte", "99"), "unknown option --max-byte. Did you mean '--max-bytes'?"),
        (("zoo", "nothing-like-it"), "no policy that ships has 'nothing-like-it' in its name"),
        (("evaluate", "zoo:CartPol-v1/64B"), "Did you mean 'zoo:CartPole-v1/64B'"),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line_and_leaves_nothing(call, tmp_path, arguments, message):
    status, out, err = call(*arguments)
    assert status == 2
    assert not out
    assert message in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_zoo_is_listed(call):
    status, out, _ = call("zoo", "--json")
    rows = json.loads(out)
    assert status == 0
    assert {"name", "bytes", "return_mean", "episodes"} <= rows[0].keys()
    assert rows[0]["name"] in call("zoo", "cartpole")[1]
