"""Folders for firmwares and IDEs: what is in them compiles against the interfaces that they are written for."""

import subprocess

import pytest
from exporting import needs_gcc, policy_of, program_of

from compactrl.errors import InputError
from compactrl.exports import export
from compactrl.exports.folder import write_files
from compactrl.exports.targets import TARGETS


def folder_of(place, target, shape, **options):
    policy = policy_of(shape, **options)
    program = program_of(policy)
    write_files(place, TARGETS[target].files(program, "size"))
    return policy


def test_a_policy_for_other_motors_is_no_crazyflie(runs, tmp_path):
    with pytest.raises(InputError, match="4 bounded actions"):
        export(runs("linear"), tmp_path / "out", target="crazyflie")


@pytest.mark.parametrize(("shape", "fits"), [((24, 4), False), ((18, 6), False), ((13, 8, 4), True), ((22, 4), True)])
def test_a_policy_with_other_sensors_is_no_crazyflie(tmp_path, shape, fits):
    """A biped with four joints and 24 sensors is none, though it has four bounded actions."""
    if fits:
        folder_of(tmp_path, "crazyflie", shape)
        return
    with pytest.raises(InputError, match=f"{shape[0]} observations and {shape[-1]} actions.*12, 13 or 18"):
        folder_of(tmp_path, "crazyflie", shape)


@needs_gcc
def test_the_arduino_library_has_what_the_ide_looks_for_and_compiles_as_its_compiler_does(runs, tmp_path):
    export(runs("chromatic latent"), tmp_path / "swing", target="arduino", name="swing")
    properties = (tmp_path / "swing/library.properties").read_text(encoding="utf-8")
    assert "name=swing\n" in properties
    assert "includes=swing.h\n" in properties
    sources = tmp_path / "swing/src"
    assert {path.name for path in sources.iterdir()} == {"swing.c", "swing.h", "swing_test.c", "swing_vectors.h"}
    sketch = """struct Port { void begin(long) {} operator bool() { return true; } template <class T> void print(T) {}
    template <class T> void println(T) {} } Serial; unsigned long micros() { return 0; }
    #include "SelfTest.ino"
    int main() { setup(); loop(); return swing_selftest(); }"""
    example = tmp_path / "swing/examples/SelfTest"
    (example / "main.cpp").write_text(sketch, encoding="utf-8")
    subprocess.run(["gcc", "-c", "-O1", "swing.c", "swing_test.c"], cwd=sources, check=True)
    objects = [str(sources / "swing.o"), str(sources / "swing_test.o")]
    subprocess.run(["g++", f"-I{sources}", "main.cpp", *objects, "-lm", "-o", "test"], cwd=example, check=True)
    subprocess.run([example / "test"], check=True)
