"""The help: short to begin with, whole where it is asked for, and free of what a file has no use for."""

import os
import re
import subprocess
import sys

import pytest

from compactrl.cli import app as cli
from compactrl.cli.search_options import search_parameters
from compactrl.compressions import COMPRESSIONS
from compactrl.errors import InputError
from compactrl.learners import LEARNERS
from compactrl.methods.help import every_option
from compactrl.methods.names import ALIASES
from compactrl.methods.options import SearchOptions
from compactrl.methods.rows import METHODS
from compactrl.versions import VERSION
from controllers import CONTROLLERS
from es import STRATEGIES

COMMANDS = [
    "search", "resume", "evaluate", "select", "report", "analyze", "play", "export", "methods", "envs", "doctor",
]  # fmt: skip


@pytest.fixture
def call(monkeypatch, capsys):
    """Run the command line at 100 columns; returns exit status, standard output and error."""
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 100)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["compactrl", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


def options_in(text):
    return set(re.findall(r"^│ (--[a-z0-9-]+)", text, re.MULTILINE))


def names_in(text):
    """The options by their names, whether the help has how to turn them on or off."""
    return {flag[2:].removeprefix("no-").replace("-", "_") for flag in options_in(text)}


def test_the_first_help_is_short_and_says_how_to_see_the_rest(call):
    status, out, error = call("search", "--help")
    assert (status, error) == (0, "")
    assert len(out.splitlines()) <= 60
    assert {"--method", "--env", "--env-module", "--steps", "--seed", "--hidden", "--partitions"} <= options_in(out)
    assert {"--num-envs", "--threads", "--workers", "--out", "--quiet"} <= options_in(out)
    assert "compactrl search --help --method ghp" in out
    assert "compactrl search --help-all" in out


def options_of(method):
    """Every option that a method takes, with any controller, learner or strategy, and may be chosen."""
    models = [SearchOptions, *(LEARNERS[learner].MetaBatch for learner in method.learners if method.meta_batch)]
    for choice in method.choices.values():
        models += [COMPRESSIONS[choice.compression].Options, CONTROLLERS[choice.controller].Options]
    models += [LEARNERS[learner].Options for learner in method.learners]
    models += [kind.Options for kind in STRATEGIES.values()] if "evolution" in method.learners else []
    alone = {name for name, table in (("controller", method.choices), ("learner", method.learners)) if len(table) == 1}
    fields = {option: field for model in models for option, field in model.model_fields.items()}
    taken = {option for option, field in fields.items() if not field.json_schema_extra}
    return taken - alone - method.fixed.keys()  # without what a search writes down for itself


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_the_help_of_a_method_has_its_options_and_no_others(call, method):
    status, out, _ = call("search", "--help", "--method", method.name)
    assert status == 0
    assert names_in(out) - {"out", "quiet", "help", "help_all"} == options_of(method)
    assert "For --method" not in out


def test_the_whole_help_has_every_option_once(call):
    out = call("search", "--help-all")[1]
    shown = re.findall(r"^│ --(?:no-)?([a-z0-9-]+)", out, re.MULTILINE)
    assert len(shown) == len(set(shown))
    assert {name.replace("-", "_") for name in shown} >= every_option().keys()
    assert every_option().keys() == set().union(*map(options_of, METHODS.values()))


def test_no_help_shows_another_name_of_an_option(call):
    assert not ALIASES.keys() & names_in(call("search", "--help-all")[1])


def test_defaults_are_those_of_the_method(call):
    def default(option, *arguments):
        text = " ".join(re.sub(r"[│\s]+", " ", call("search", *arguments)[1]).split())
        return re.search(rf" --{option} .*?\(default: (.*?)\)", text)[1]

    assert default("steps", "--method", "ghp", "-h") == "3M"
    assert default("steps", "-h", "--method=distill") == "200k"
    of_all = default("steps", "-h")
    assert of_all.startswith("20M; 3M with --method ghp; 1M with --method sac, td3, ddpg, ppo or trpo; ")
    assert of_all.endswith("; 500k with --method pearl or hyper-pearl; 200k with --method distill")
    assert default("gamma", "--help", "--method", "ghp") == "0.99; 0.98 with --learner ddpg"
    assert default("gamma", "--help", "--method", "ghp", "--learner", "ddpg") == "0.98"
    assert default("sampling|controller", "--help", "--method", "ghp", "--sampling", "uniform") == "uniform"


def test_help_is_narrowed_to_what_is_named_beside_the_method(call):
    shown = options_in(call("search", "--method", "chromatic", "--controller", "random", "--es", "cem", "--help")[1])
    assert "--parent-share" in shown
    assert not {"--radius", "--controller-hidden", "--palette-spread"} & shown


def test_of_a_flag_that_is_on_the_help_says_how_to_turn_it_off(call):
    shown = options_in(call("search", "--help", "--method", "sac")[1])
    assert {"--no-save-replay", "--automatic-alpha"} <= shown
    assert not {"--save-replay", "--no-automatic-alpha"} & shown


def test_help_for_a_method_that_there_is_not_suggests_one(call):
    status, out, error = call("search", "--help", "--method", "chromatik")
    assert (status, out) == (2, "")
    assert "Did you mean 'chromatic'?" in error


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_short_flag_for_its_help(call, command):
    status, out, _ = call(command, "-h")
    assert status == 0
    assert f"Usage: compactrl {command}" in out
    assert "<bool>" not in out
    assert out == call(command, "--help")[1]


def test_without_a_command_it_says_which_there_are_and_what_to_try(call):
    status, out, error = call()
    assert (status, error) == (0, "")
    assert all(f"│ {command} " in out for command in COMMANDS)
    assert "compactrl search --env CartPole-v1" in out


def test_the_version_is_told(call):
    assert call("--version") == (0, f"compactrl {VERSION}\n", "")


@pytest.mark.parametrize("environment", [{}, {"TERM": "dumb"}, {"GITHUB_ACTIONS": "true"}], ids=str)
def test_a_pipe_gets_no_colours(environment):
    command = [sys.executable, "-m", "compactrl", "search", "--help"]
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "PY_COLORS")}
    answer = subprocess.run(command, env=kept | environment, capture_output=True, timeout=60, check=True)
    assert b"--method" in answer.stdout
    assert b"\x1b" not in answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["serch"], "Did you mean 'search'? (`compactrl --help`)"),
        (["search", "--stpes", "3"], "unknown option --stpes. Did you mean '--steps'"),
        (["search", "--selectons", "3"], "Did you mean '--reevaluations'"),
        (["search", "--steps"], "Option '--steps' requires an argument. (`compactrl search --help`)"),
        (["search", "--save-replay", "--no-save-replay"], "--save-replay and --no-save-replay: choose one"),
        (["search", "--lanes", "3", "--num-envs", "4"], "--num-envs and --lanes are the same option"),
        (["search", "--steps", "1MM"], "--steps 1MM: expected a whole number, at least 1, such as 20000, 20k, 2e6"),
    ],
)
def test_a_wrong_word_gets_the_right_one(call, command, expected):
    status, out, error = call(*command)
    assert (status, out) == (2, "")
    assert expected in error
    assert error.count("\n") == 1


def test_the_help_is_built_for_the_method_that_is_named_last_too():
    with pytest.raises(InputError, match="unknown --method 'x'"):
        search_parameters(["search", "--help", "--method", "x"])
