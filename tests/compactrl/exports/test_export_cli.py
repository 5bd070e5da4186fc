"""`compactrl export`: what it says and writes, and that bad input is one line that leaves nothing behind."""

import dataclasses
import inspect
import json
import shutil
import subprocess
import sys

import pytest
from exporting import needs_gcc

from compactrl.cli import app as cli
from compactrl.cli.exporting import export_command
from compactrl.exports import cortex_m, export
from compactrl.exports.options import ExportOptions, describe_options
from compactrl.runs.run import Run


@pytest.fixture
def call(monkeypatch, capsys, tmp_path, runs):
    """Run `compactrl export RUN …` in a folder with the run `run`; returns exit status, standard output and error."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(runs("chromatic latent").path, "run")

    def run(*arguments, of="run"):
        monkeypatch.setattr(sys, "argv", ["compactrl", "export", of, *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


def left(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "run")


@pytest.mark.parametrize(
    ("given", "status", "expected"),
    [
        (["--name", "2fast"], 2, "expected a C identifier"),
        (["--name", "while"], 2, "expected a C identifier"),
        (["--name", "a/b"], 2, "expected a C identifier"),
        (["--weights", "flaot32"], 2, "Did you mean 'float32'?"),
        (["--weights", "int8"], 2, "shares 3 weights over 25 edges"),
        (["--tanh", "exact"], 2, "There are: libm, rational"),
        (["--optimize", "sped"], 2, "Did you mean 'speed'?"),
        (["--target", "crazyfly"], 2, "Did you mean 'crazyflie'?"),
        (["--target", "crazyflie"], 2, "Expected 4 bounded actions, a thrust per motor"),
        (["--format", "tflite"], 2, "There are: c, onnx, auto"),
        (["--format", "onnx"], 2, "expected a file that ends with .onnx"),
        (["--format", "onnx", "--weights", "float32"], 2, "--weights is for --format c"),
        (["--max-flash", "0"], 2, "--max-flash 0: expected a number of bytes, at least 1"),
        (
            ["--max-flash", "2 kilo"],
            2,
            "expected a whole number of bytes, such as 2000, 2kB or 64KiB",
        ),
        (["--max-flash", "0.064kB"], 1, "over --max-flash 64"),
        (["--max-flash", "64"], 1, "over --max-flash 64"),
        (["--max-stack", "8"], 1, "over --max-stack 8"),
        (["--episodes", "1"], 2, "--episodes 1: expected at least 2"),
        (["--out", "run"], 2, "has other files in it, such as "),
        (["--out", "/proc/nowhere/out"], 2, "--out: cannot write to /proc/nowhere/out: "),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(call, tmp_path, given, status, expected):
    exit_status, out, error = call("--out", "out", *given)
    assert (exit_status, out) == (status, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert expected in error
    assert left(tmp_path) == []


def test_every_option_of_an_export_is_one_of_the_command_in_the_same_order():
    names = [field.name for field in dataclasses.fields(ExportOptions)]
    assert list(inspect.signature(export_command()).parameters) == ["run", "out", *names, "as_json"]
    assert all(option.help.endswith(".") for option in describe_options())


def test_a_folder_without_a_run_or_a_policy_is_refused(call, tmp_path):
    assert "holds no run" in call("--out", "out", of="nothing")[2]
    (tmp_path / "run/policy.json").unlink()
    status, _, error = call("--out", "out")
    assert (status, "has no policy yet" in error) == (1, True)
    assert left(tmp_path) == []


def test_an_earlier_export_is_replaced_and_other_files_are_not(call, tmp_path):
    assert call("--out", "out")[0] == 0
    assert call("--out", "out", "--optimize", "speed")[0] == 0
    (tmp_path / "out/policy.c").write_text("mine now", encoding="utf-8")
    status, _, error = call("--out", "out")
    assert (status, "has other files in it, such as policy.c" in error) == (2, True)
    assert (tmp_path / "out/policy.c").read_text(encoding="utf-8") == "mine now"
    assert left(tmp_path) == ["out"]


def test_the_same_run_gives_the_same_bytes(runs, tmp_path):
    for kind in ("chromatic pointer", "unstructured"):
        first, second = (export(Run(runs(kind).path), tmp_path / f"{kind}{number}").path for number in (1, 2))
        for path in sorted(first.iterdir()):
            assert path.read_bytes() == (second / path.name).read_bytes()


def test_what_is_printed_and_the_manifest_say_what_it_costs(call, tmp_path):
    status, out, error = call("--out", "out", "--name", "swing")
    assert (status, error) == (0, "")
    assert "codebook weights" in out
    assert "next: cc out/policy.c" in out
    manifest = json.loads((tmp_path / "out/MANIFEST.json").read_text(encoding="utf-8"))
    assert (manifest["weight_format"], manifest["weights"]) == ("codebook", 3)
    assert sum(manifest["tables"].values()) == manifest["sizes"]["flash_tables"]
    assert manifest["sizes"]["source"].startswith("estimate")
    assert set(manifest["files"]) == {"policy.c", "policy.h", "policy_test.c", "vectors.h"}
    assert json.loads(call("--out", "out", "--name", "swing", "--json")[1]) == manifest
    header = (tmp_path / "out/policy.h").read_text(encoding="utf-8")
    assert "int swing_step(const float observation[3], float action[2]);" in header


def test_without_the_cross_compiler_sizes_are_called_an_estimate(call, monkeypatch):
    monkeypatch.setattr(cortex_m, "available", lambda *_: [])
    status, _, error = call("--out", "out", "--max-flash", "64")
    assert (status, "would take about" in error) == (1, True)
    status, out, _ = call("--out", "out", "--max-flash", "8192")
    assert (status, "(estimate: tables exactly, code roughly)" in out) == (0, True)


def test_over_the_limit_says_what_would_fit(call, monkeypatch):
    monkeypatch.setattr(cortex_m, "available", lambda *_: [])
    status, _, error = call("--out", "out", "--max-flash", "600", "--optimize", "speed")
    assert status == 1
    assert "what would fit: --weights codebook --optimize size --tanh rational" in error


@needs_gcc
def test_the_self_test_finds_a_changed_weight_and_a_missing_check(call, tmp_path):
    def self_test():
        subprocess.run(["gcc", "policy.c", "policy_test.c", "-lm"], cwd=tmp_path / "out", check=True)
        return subprocess.run(["./a.out"], cwd=tmp_path / "out", capture_output=True, text=True, check=False)

    assert call("--out", "out")[0] == 0
    assert (self_test().returncode, "golden vectors are right" in self_test().stdout) == (0, True)
    source = tmp_path / "out/policy.c"
    text = source.read_text(encoding="utf-8")
    begin = text.index("policy_weights[3] = {\n    ") + len("policy_weights[3] = {\n    ")
    source.write_text(text[:begin] + "0.001f + " + text[begin:], encoding="utf-8")
    assert "differs" in self_test().stdout
    source.write_text(text.replace(" + (x - x)", ""), encoding="utf-8")
    assert "was not refused" in self_test().stdout


@needs_gcc
def test_fast_math_is_refused_by_the_file_itself(call, tmp_path):
    assert call("--out", "out")[0] == 0
    answer = subprocess.run(
        ["gcc", "-ffast-math", "-c", "policy.c"], cwd=tmp_path / "out", capture_output=True, check=False
    )
    assert b"compile without -ffast-math" in answer.stderr


def test_an_export_does_not_import_torch():
    program = (
        "import sys, compactrl.exports, compactrl.exports.verify; print('torch' in sys.modules, 'onnx' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]
