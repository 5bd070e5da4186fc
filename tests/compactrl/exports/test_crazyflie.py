"""The Crazyflie's controller: it observes what the simulator does, acts when it should, and flies as Python does."""

import ctypes
import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from exporting import needs_gcc, policy_of, program_of

import compactrl
from compactrl.envs.family import families
from compactrl.envs.registry import describe
from compactrl.envs.robots import Quadrotor
from compactrl.envs.robots.quadrotor import ENV, env
from compactrl.errors import CompactrlError, InputError
from compactrl.exports import crazyflie, crazyflie_flight
from compactrl.exports.folder import write_files
from compactrl.exports.rollouts import Starts
from compactrl.exports.targets import TARGETS


def test_the_environment_that_is_known_is_the_quadrotor():
    assert crazyflie.ENV == ENV


def quadrotor_program(observations=18, setpoints="full", **environment):
    policy = replace(policy_of((observations, 4, 4), std=2.0), env=ENV)
    return replace(program_of(policy), environment=environment, setpoints=setpoints)


def controller_of(program, place, firmware=None):
    write_files(place, crazyflie.files(program, "size"))
    return crazyflie_flight.Controller(program, crazyflie.robot_of(program), place, place / "verify", firmware)


@needs_gcc
@pytest.mark.parametrize("velocity", [False, True])
def test_it_observes_the_firmwares_state_as_the_simulator_observes_its_own(tmp_path, velocity):
    """The state goes to C as the simulator has it, its quaternion included, and not by way of an observation."""
    options = {"scenario": "bezier", "noise": False, "observe_goal_velocity": velocity}
    program = quadrotor_program(21 if velocity else 18, **options)
    controller_of(program, tmp_path)
    upper, size = program.name.upper(), program.plan.shape[0]
    (tmp_path / "look.c").write_text(
        f"""#include "observe.h"
        void look(float *seen, const setpoint_t *setpoint, const sensorData_t *sensors, const state_t *state);
        void look(float *seen, const setpoint_t *setpoint, const sensorData_t *sensors, const state_t *state)
        {{ {program.name}_observe(seen, setpoint, sensors, state); }}
        void fill(float *seen, const float *n);
        void fill(float *seen, const float *n)
        {{
            float observation[{upper}_OBSERVATIONS];
            setpoint_t goal = {{.position = {{0, n[0], n[1], n[2]}}, .velocity = {{0, n[3], n[4], n[5]}}}};
            state_t state = {{.position = {{0, n[6], n[7], n[8]}}, .velocity = {{0, n[9], n[10], n[11]}},
                .attitudeQuaternion = {{.w = n[12], .x = n[13], .y = n[14], .z = n[15]}}}};
            sensorData_t sensors = {{.gyro = {{n[16], n[17], n[18]}}}};
            look(observation, &goal, &sensors, &state);
            for (int i = 0; i < {size}; i++) seen[i] = observation[i];
        }}""",
        encoding="utf-8",
    )
    command = ["gcc", "-std=gnu11", "-shared", "-fPIC", "-Isrc", "-Iverify/interface", "look.c", "-o", "look.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    fill = ctypes.CDLL(str(tmp_path / "look.so")).fill
    flown, lanes = Quadrotor(20, **options), np.arange(20)
    flown.reset(lanes, lanes, None)
    generator = np.random.default_rng(0)
    for _ in range(40):
        seen, *_ = flown.step(lanes, generator.uniform(-0.6, 0.8, (20, 4)))
    for lane in lanes:
        state, seen_by_c = flown.state[:, lane], np.zeros(size, np.float32)
        numbers = np.concatenate(
            [flown.goals.position[:, lane], flown.goals.velocity[:, lane], state[:10], np.degrees(state[10:13])]
        ).astype(np.float32)
        fill(*(array.ctypes.data_as(ctypes.c_void_p) for array in (seen_by_c, numbers)))
        np.testing.assert_allclose(seen_by_c, seen[lane], atol=3e-6)


@needs_gcc
@pytest.mark.parametrize("rate", [100, 200])
def test_its_thrust_is_the_simulators_and_is_held_between_its_steps(tmp_path, rate):
    program = quadrotor_program(control_rate=rate, physics_rate=200, mass=0.03, thrust_to_weight=2.0)
    controller = controller_of(program, tmp_path)
    assert controller.thrust == pytest.approx(2.0 * 0.03 * 9.81 / 4)
    seen = describe(ENV).observation_size
    assert seen == 18
    flown = Quadrotor(200, scenario="mixture")
    observations = flown.reset(np.arange(200), np.arange(200), None)
    most = 2 * 0.12 / controller.thrust - 1
    expected = np.minimum(program.plan.policy(observations), most)
    assert (expected < most).any()
    np.testing.assert_allclose(controller(observations), expected, atol=1e-5)
    assert f"RATE_DO_EXECUTE({rate}, " in (tmp_path / "src/controller.c").read_text(encoding="utf-8")


def test_a_policy_for_one_airframe_of_the_family_has_its_mass_and_its_motors():
    assert families()["Quadrotor-Airframe"] == crazyflie.FAMILY
    program = quadrotor_program(control_rate=200)
    plan = program.plan
    told = replace(plan.policy, env=crazyflie.FAMILY, context=np.array([0.035, 1.7]))
    robot = crazyflie.robot_of(replace(program, plan=replace(plan, policy=told)))
    assert (robot.rate, robot.mass) == (200, 0.035)
    assert robot.thrust == pytest.approx(1.7 * 0.035 * 9.81 / 4)
    of_all = replace(plan.policy, env=crazyflie.FAMILY)
    assert crazyflie.robot_of(replace(program, plan=replace(plan, policy=of_all))) is None


@needs_gcc
def test_motors_are_off_without_a_position_after_a_failed_self_test_and_where_a_number_is_none(tmp_path):
    program = quadrotor_program()
    write_files(tmp_path, crazyflie.files(program, "size"))
    write_files(tmp_path / "interface", crazyflie.interface(program))
    (tmp_path / "hooks.c").write_text(
        """#include <math.h>
        #include <stdio.h>
        #include "controller.h"
        static control_t control;
        static setpoint_t setpoint;
        static sensorData_t sensors;
        static state_t state = {.attitudeQuaternion = {.w = 1.0f}};
        static void tell(stabilizerStep_t step)
        {
            controllerOutOfTree(&control, &setpoint, &sensors, &state, step);
            printf("%d ", control.controlMode == controlModeForce && control.normalizedForces[0] > 0.0f);
        }
        int main(void)
        {
            setpoint.position.z = 1.0f;
            setpoint.mode.x = setpoint.mode.y = setpoint.mode.z = modeAbs;
            tell(0); /* before Init */
            controllerOutOfTreeInit();
            printf("%d ", controllerOutOfTreeTest());
            setpoint.mode.x = modeVelocity;
            tell(10); /* no position has been asked for */
            setpoint.mode.x = modeAbs;
            tell(11); /* between two steps */
            tell(20);
            setpoint.mode.x = setpoint.mode.y = modeVelocity;
            tell(30); /* goes on to the last position */
            sensors.gyro.x = NAN;
            tell(40);
            sensors.gyro.x = 0.0f;
            tell(50);
            setpoint.mode.z = modeDisable;
            tell(51);
            return 0;
        }""",
        encoding="utf-8",
    )

    def told():
        files = ["hooks.c", "src/controller.c", "src/policy.c", "src/policy_test.c"]
        command = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Iinterface", "-Isrc", *files, "-lm"]
        subprocess.run([*command, "-o", "hooks"], cwd=tmp_path, check=True)
        return subprocess.run([tmp_path / "hooks"], capture_output=True, text=True, check=True).stdout.split()

    assert told() == ["0", "1", "0", "0", "1", "1", "0", "1", "0"]
    vectors = tmp_path / "src/vectors.h"
    text = vectors.read_text(encoding="utf-8")
    last = re.findall(r"-?\d[\d.e+-]*f", text)[-1]  # of the last action
    before, after = text.rsplit(last, 1)
    vectors.write_text(f"{before}9.0f{after}", encoding="utf-8")
    assert set(told()) == {"0"}


@needs_gcc
def test_it_flies_as_python_does(tmp_path):
    program = quadrotor_program(scenario="static")
    write_files(tmp_path, crazyflie.files(program, "size"))
    starts = Starts(describe(ENV, max_episode_steps=60, kwargs={"scenario": "static"}), np.random.SeedSequence(1))
    result = crazyflie_flight.verify(program, tmp_path, starts, 5, None)
    assert result["thrust_max"] == pytest.approx(0.12)
    assert result["largest_difference"] < 1e-4
    for name in ("return_mean", "position_rmse_mean"):
        assert result["c"][name] == pytest.approx(result["python"][name], abs=1e-3)
    policy = replace(program.plan.policy, weights=program.plan.policy.weights * 1.1)
    wrong = replace(program, plan=replace(program.plan, policy=policy))
    with pytest.raises(CompactrlError, match="the controller is not the policy"):
        crazyflie_flight.verify(wrong, tmp_path, starts, 5, None)


def test_quaternions_are_those_of_their_matrices():
    from scipy.spatial.transform import Rotation

    drawn = Rotation.random(500, rng=3)
    special = Rotation.from_rotvec(np.pi * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0.6, 0.8, 0]]))
    for rotation in (drawn, special):
        found = crazyflie_flight.quaternions(rotation.as_matrix().reshape(-1, 9))
        np.testing.assert_allclose(Rotation.from_quat(found).as_matrix(), rotation.as_matrix(), atol=1e-12)


@needs_gcc
def test_a_checkout_of_the_firmware_stands_for_our_headers(tmp_path):
    """Made up here, with the folders of a checkout; its motors are those of the thrust upgrade kit."""
    program = quadrotor_program()
    headers = crazyflie.interface(program)
    firmware = tmp_path / "firmware"
    places = {"stabilizer_types.h": "src/modules/interface", "controller.h": "src/modules/interface/controller"}
    text = {f"{places.get(name, 'src/platform/interface')}/{name}": content for name, content in headers.items()}
    defaults = "src/platform/interface/platform_defaults.h"
    text[defaults] = '#include "autoconf.h"\n' + text[defaults].replace("0.12f", "0.18f")
    write_files(firmware, text)
    assert crazyflie_flight.check_firmware(str(firmware)) == firmware
    controller = controller_of(program, tmp_path / "out", firmware)
    assert controller.thrust_max == pytest.approx(0.18)
    observations = Quadrotor(3).reset(np.arange(3), np.arange(3), None)
    np.testing.assert_allclose(controller(observations), program.plan.policy(observations), atol=1e-5)


def test_bad_input_is_one_line(tmp_path):
    for program, message in (
        (quadrotor_program(21, "position", observe_goal_velocity=True), "such setpoints have none"),
        (quadrotor_program(control_rate=150, physics_rate=300), "150 times a second, which does not divide"),
    ):
        with pytest.raises(InputError, match=message):
            TARGETS["crazyflie"].files(program, "size")
    TARGETS["crazyflie"].files(quadrotor_program(18, "position"), "size")
    (tmp_path / "none").mkdir()
    for options, message in (
        ({"setpoints": "velocity"}, "There are: full, position"),
        ({"setpoints": "position", "target": "generic"}, "--setpoints position is for --target crazyflie"),
        ({"firmware": str(tmp_path)}, "is for --target crazyflie --verify"),
        ({"firmware": str(tmp_path / "no"), "verify": True}, "there is no such folder"),
        ({"firmware": str(tmp_path / "none"), "verify": True}, "is no checkout of crazyflie-firmware"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            compactrl.export("nowhere", tmp_path / "out", **{"target": "crazyflie", **options})
        assert "\n" not in str(caught.value)


@needs_gcc
def test_a_controller_with_other_observations_does_not_compile_before_they_are_filled_in(tmp_path):
    program = program_of(policy_of((12, 4)))
    write_files(tmp_path, crazyflie.files(program, "size"))
    write_files(tmp_path / "interface", crazyflie.interface(program))
    command = ["gcc", "-I../interface", "-c", "controller.c"]
    answer = subprocess.run(command, cwd=tmp_path / "src", capture_output=True, text=True, check=False)
    assert "fill in policy_observe in observe.h" in answer.stderr
    assert not crazyflie_flight.verify(program, tmp_path, None, 2, None)


@needs_gcc
def test_a_users_own_quadrotor_of_18_numbers_compiles(tmp_path):
    program = program_of(policy_of((18, 8, 4), low=-0.5))
    write_files(tmp_path, crazyflie.files(program, "size"))
    write_files(tmp_path / "interface", crazyflie.interface(program))
    command = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I../interface", "-c", "controller.c"]
    subprocess.run(command, cwd=tmp_path / "src", check=True)
    assert len(env.OBSERVED) == 18
