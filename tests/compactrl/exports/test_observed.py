"""What single precision makes of an observation: an export keeps what it allows and refuses the rest."""

from dataclasses import replace

import numpy as np
import pytest
from exporting import dense, needs_gcc, policy_of, program_of, states_around

from compactrl.errors import CompactrlError
from compactrl.exports.assemble import Source, check_observed, write
from compactrl.exports.options import options_of
from compactrl.exports.origin import Origin, hashes_of
from compactrl.types import Layer


def source_of(policy):
    return Source(policy, states_around(policy), Origin(hashes_of(policy)))


@needs_gcc
@pytest.mark.parametrize("options", [{}, {"format": "onnx"}], ids=["C", "ONNX"])
@pytest.mark.parametrize(("mean", "std"), [(1e3, 0.01), (3e4, 0.5), (0.0, 1e-7), (-6.4e6, 40.0)])
def test_an_observation_that_single_precision_tells_apart_is_exported(tmp_path, options, mean, std):
    if options:
        pytest.importorskip("onnxruntime")
    policy = policy_of((3, 5, 2), mean=mean, std=std)
    out = tmp_path / ("policy.onnx" if options else "out")
    assert write(source_of(policy), out, options_of(options, out)).path.exists()
    if not options:
        assert f"{mean:.10g}"[:6] in (out / "policy.h").read_text()
    actions = policy(states_around(policy))
    rounded = policy(states_around(policy).astype(np.float64) + np.spacing(np.float32(mean)) / 2)
    assert np.abs(actions - rounded).max() < 0.02


@pytest.mark.parametrize("options", [{}, {"format": "onnx"}], ids=["C", "ONNX"])
@pytest.mark.parametrize(
    ("mean", "std", "step"), [(6.4e6, 0.05, "0.5"), (52.0, 5e-7, "4e-06"), (6400000.1, 1.0, "0.5")]
)
def test_one_that_it_does_not_is_refused_with_what_to_do(tmp_path, options, mean, std, step):
    policy = replace(policy_of((3, 5, 2), mean=mean, std=std), names=("latitude", "longitude", "height"))
    out = tmp_path / ("policy.onnx" if options else "out")
    with pytest.raises(
        CompactrlError, match=r"number 0 of the observation \(latitude\) lies at .* has steps of"
    ) as said:
        write(source_of(policy), out, options_of(options, out))
    assert f"steps of {step} there: let the environment subtract {mean:.9g} from it" in str(said.value)
    assert not out.exists()


def test_what_no_weight_looks_at_does_not_matter():
    policy = policy_of((3, 5, 2), mean=6.4e6, std=0.05)
    blind = (Layer(np.zeros_like(policy.layers[0].weight), policy.layers[0].bias), *policy.layers[1:])
    check_observed(dense(policy).with_layers(blind))


def test_the_header_has_the_digits_in_which_an_observation_varies():
    text = program_of(policy_of((2, 2), mean=123456.789, std=0.5)).files()["policy.h"]
    assert "123456.789 " in text
    assert "0    " in program_of(policy_of((2, 2), mean=0.0, std=0.5)).files()["policy.h"]


def test_the_header_names_what_the_environments_space_names():
    policy = replace(policy_of((2, 2), mean=1.0), names=("gyro[0]", "gear = 1"), env="Mine-v0")
    text = program_of(policy).files()["policy.h"]
    assert "by the keys of what Mine-v0 observes, in its order" in text
    rows = [line.split() for line in text.splitlines() if "gyro[0]" in line or "gear = 1" in line]
    assert [row[1] for row in rows] == ["0", "1"]
