"""The doctor: what is missing is named with what it is for and what installs it, and fails nothing that works."""

import json

import pytest
from typer.testing import CliRunner

from compactrl.cli import doctor
from compactrl.cli.app import make_app
from compactrl.cli.sentences import describe_checks
from compactrl.errors import CompactrlError
from compactrl.exports import tools
from compactrl.machine import hardware
from compactrl.machine.needs import NEEDS, Need, package, program


@pytest.fixture
def quick(monkeypatch):
    """Leave out what takes seconds: the engines, and drawing in a process of its own."""
    monkeypatch.setattr(doctor, "_try_engines", list)
    monkeypatch.setattr("compactrl.machine.drawing.trial", lambda: "")


def called(*arguments):
    return CliRunner().invoke(make_app("doctor"), ["doctor", *arguments])


@pytest.mark.usefixtures("quick")
def test_every_need_is_found_or_missing_and_none_of_them_fails_the_doctor(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    answer = called("--json")
    report = json.loads(answer.stdout)
    missing = {need["name"]: need for need in report["missing"]}
    assert {*report["found"], *missing} == NEEDS.keys()
    assert {"gcc", "clang", "arm-none-eabi-gcc", "newlib", "qemu-system-arm"} <= missing.keys()
    assert missing["clang"]["install"] == "apt-get install clang"
    assert (report["problems"], answer.exit_code) == ([], 0)


@pytest.mark.usefixtures("quick")
def test_what_every_search_needs_is_a_problem_and_ends_with_status_1(monkeypatch):
    monkeypatch.setattr(doctor, "unmet", lambda: ["torch is not installed: pip install it"])
    answer = called()
    assert answer.exit_code == 1
    assert answer.stdout.splitlines()[-1] == "problem: torch is not installed: pip install it"
    assert "all well" not in answer.stdout


def test_requirements_are_held_against_what_is_installed():
    assert doctor.unmet(["numpy>=1", "pygame2000; extra == 'games'", "old; python_version < '3'"]) == []
    missing, wrong, mujoco = doctor.unmet(["nosuchthing>=1", "numpy<1", "mujoco==1.2"])
    assert missing == "nosuchthing is not installed: pip install -c constraints.txt -e ."
    assert wrong.startswith(f"numpy is {package('numpy')}, expected <1. Install it with: pip install")
    assert "EnvPool brings that version" in mujoco


def test_compactrls_own_requirements_are_met_here():
    assert doctor.unmet() == []


def test_versions_that_were_not_tested_together_are_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    assert doctor._untested() == []
    (tmp_path / "constraints.txt").write_text(f"# tested\ncma==0.1\nnumpy=={package('numpy')}\nnosuchthing==1\n")
    (note,) = doctor._untested()
    assert f"cma {package('cma')} (0.1)" in note
    assert "numpy" not in note


def test_little_memory_and_disk_are_noted(monkeypatch):
    monkeypatch.setattr(hardware, "memory", lambda: hardware.Amount(0.4, 8.0))
    monkeypatch.setattr(hardware, "disk", lambda _: hardware.Amount(0.2, 100.0))
    memory, disk = doctor._scarce()
    assert memory.startswith("little memory is free (0.4 GiB)")
    assert disk.startswith("little disk is free here (0.2 GiB)")


@pytest.mark.parametrize(("cuda", "missing"), [("", ["CUDA in torch"]), ("13.0", [])])
def test_a_gpu_that_torch_cannot_use_is_something_missing(monkeypatch, cuda, missing):
    monkeypatch.setattr(hardware, "gpu", lambda: "NVIDIA T4")
    monkeypatch.setattr(hardware, "cuda_of_torch", lambda: cuda)
    named = []
    machine = doctor._machine(named)
    assert machine["gpu"] == f"NVIDIA T4, torch has {f'CUDA {cuda}' if cuda else 'no CUDA'}"
    assert [need["name"] for need in named] == missing


def test_cuda_is_read_from_torch_as_torch_says_it_itself():
    import torch

    assert hardware.cuda_of_torch() == (torch.version.cuda or "")


def test_the_report_reads_in_sections():
    report = {
        "machine": {"cores": 2}, "versions": {"python": "3.11"}, "found": {"gcc": "gcc 12"},
        "missing": [{"name": "pygame", "purpose": "films of classic control", "install": "pip install it"}],
        "notes": ["little disk"], "problems": [],
    }  # fmt: skip
    assert [" ".join(line.split()) for line in describe_checks(report).splitlines()] == [
        "machine", "cores 2", "python 3.11", "found", "gcc gcc 12", "not here, and only needed for what is named",
        "pygame films of classic control: pip install it", "note: little disk", "all well: searches run here",
    ]  # fmt: skip


def test_errors_name_the_line_that_the_doctor_names(tmp_path, monkeypatch):
    monkeypatch.setitem(NEEDS, "nosuchprogram", Need("nosuchprogram", "a test", "apt-get install such", str))
    with pytest.raises(CompactrlError, match="compiling: nosuchprogram is not installed: apt-get install such"):
        tools.run(["nosuchprogram"], tmp_path, "compiling")


def test_a_program_that_is_there_says_its_version_and_another_says_nothing():
    assert program("python3").startswith("Python 3")
    assert program("nosuchprogram") == package("nosuchpackage") == ""
