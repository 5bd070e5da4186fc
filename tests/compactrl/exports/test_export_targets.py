"""Folders for firmwares and IDEs: what is in them compiles against the interfaces that they are written for."""

import subprocess

import pytest
from exporting import needs_gcc, policy_of, program_of

from compactrl.errors import InputError
from compactrl.exports import export
from compactrl.exports.folder import write_files
from compactrl.exports.targets import TARGETS

FIRMWARE = {
    "FreeRTOS.h": "#pragma once\n#define M2T(milliseconds) (milliseconds)\n",
    "task.h": "#pragma once\nvoid vTaskDelay(int ticks);\n",
    "app.h": "#pragma once\nvoid appMain();\n",
    "stabilizer_types.h": """#pragma once
#include <stdint.h>
typedef struct { float x, y, z; } Axis3f;
typedef struct { float x, y, z; } point_t;
typedef struct { float x, y, z, w; } quaternion_t;
typedef struct { Axis3f gyro; } sensorData_t;
typedef struct { point_t position, velocity; quaternion_t attitudeQuaternion; } state_t;
typedef enum { modeDisable = 0, modeAbs } mode_t_;
typedef struct { point_t position, velocity; struct { mode_t_ x, y, z; } mode; } setpoint_t;
typedef enum { controlModeLegacy, controlModeForceTorque, controlModeForce } control_mode_t;
typedef struct { control_mode_t controlMode; float normalizedForces[4]; } control_t;
""",
    "controller.h": """#pragma once
#include <stdbool.h>
#include "stabilizer_types.h"
void controllerOutOfTreeInit(void);
bool controllerOutOfTreeTest(void);
void controllerOutOfTree(control_t *control, const setpoint_t *setpoint, const sensorData_t *sensors,
                         const state_t *state, const uint32_t tick);
""",
    "fly.c": """#include "controller.h"
#include <stdio.h>
void vTaskDelay(int ticks) { (void)ticks; }
int main(void)
{
    control_t control = {0};
    setpoint_t setpoint = {.position = {0.f, 0.f, 1.f}, .mode = {.z = modeAbs}};
    sensorData_t sensors = {0};
    state_t state = {.attitudeQuaternion = {0.f, 0.f, 0.f, 1.f}};
    controllerOutOfTreeInit();
    controllerOutOfTree(&control, &setpoint, &sensors, &state, 0);
    printf("%d %d", controllerOutOfTreeTest(), control.controlMode == controlModeForce);
    for (int motor = 0; motor < 4; motor++) printf(" %.6f", (double)control.normalizedForces[motor]);
    sensors.gyro.x = 0.f / 0.f;
    controllerOutOfTree(&control, &setpoint, &sensors, &state, 0);
    printf(" %.6f", (double)control.normalizedForces[0]);
    return 0;
}
""",
}
"""The parts of the Crazyflie firmware's interface that an out-of-tree controller uses (2024)."""


def folder_of(place, target, shape, **options):
    policy = policy_of(shape, **options)
    program = program_of(policy)
    write_files(place, TARGETS[target].files(program, "size"))
    return policy


@needs_gcc
def test_the_crazyflie_controller_tests_itself_and_gives_the_motors_the_policys_actions(tmp_path):
    policy = folder_of(tmp_path, "crazyflie", (18, 8, 4), low=-0.5)
    for name in ("Makefile", "Kbuild", "config", "README.md", "src/Kbuild"):
        assert (tmp_path / name).exists()
    write_files(tmp_path / "firmware", FIRMWARE)
    files = ["controller.c", "policy.c", "policy_test.c", "../firmware/fly.c"]
    command = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I../firmware", *files, "-lm", "-o", "../fly"]
    subprocess.run(command, cwd=tmp_path / "src", check=True)
    passes, mode, *forces, refused = subprocess.run(
        [tmp_path / "fly"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert (passes, mode, float(refused)) == ("1", "1", 0.0)
    observation = [0, 0, -1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]  # a metre below, level and still
    expected = (policy(observation) + 0.5) / 1.5
    assert [float(force) for force in forces] == pytest.approx(expected.tolist(), abs=1e-5)


@needs_gcc
def test_a_controller_with_other_observations_does_not_compile_before_they_are_filled_in(tmp_path):
    folder_of(tmp_path, "crazyflie", (12, 4))
    write_files(tmp_path / "firmware", FIRMWARE)
    command = ["gcc", "-I../firmware", "-c", "controller.c"]
    answer = subprocess.run(command, cwd=tmp_path / "src", capture_output=True, text=True, check=False)
    assert "fill in policy_observe in observe.h" in answer.stderr


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
