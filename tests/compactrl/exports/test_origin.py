"""The manifest and the C say which policy they are of, also where it is not the one that its run ships."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from exporting import TARGET, TINY

from compactrl import exports
from compactrl.catalogs.catalog import open_catalog
from compactrl.encodings.storage import stored_bytes
from compactrl.errors import InputError
from compactrl.exports import export
from compactrl.exports.api import source_of
from compactrl.exports.assemble import write
from compactrl.exports.options import ExportOptions
from compactrl.exports.origin import hashes_of, hashes_of_files
from compactrl.policies.files import load_policy, save_policy
from compactrl.runs.run import Run
from compactrl.searches.api import search

SMALL = {"method": "ghp", "widths": "4,8,16", "max_layers": 2, "steps": 800, "random_steps": 200, "rank": 4}
SMALL |= {"iteration_steps": 200, "graph_size": 8, "critic_hidden": 8, "batch_size": 16, "meta_batch": 4}
SMALL |= {"selection_episodes": 2}
ANOTHER = "16,8"


@pytest.fixture(scope="module")
def hyper(tmp_path_factory):
    """A run with an architecture for every robot."""
    return search(out=tmp_path_factory.mktemp("ghp") / "run", **TARGET, **SMALL)


def header_of(exported):
    return (exported.path / "policy.h").read_text(encoding="utf-8")


def sha256_of_file(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_policy_that_ships_has_the_hash_of_its_file(hyper, tmp_path):
    exported = export(hyper, tmp_path / "out")
    digest = sha256_of_file(hyper.path / "policy.safetensors")
    assert exported.manifest["policy_sha256"]["policy.safetensors"] == digest
    assert f"sha256 {digest}" in header_of(exported)
    assert "architecture" not in exported.manifest


def test_another_architecture_has_the_hash_of_its_own_numbers(hyper, tmp_path):
    exported = export(hyper, tmp_path / "out", architecture=ANOTHER)
    catalog = open_catalog(hyper)
    policy = catalog.policy(ANOTHER)
    save_policy(tmp_path / "policy", policy)  # as if it shipped
    digest = sha256_of_file(tmp_path / "policy.safetensors")
    assert exported.manifest["policy_sha256"] == hashes_of_files(tmp_path)
    assert f"architecture {ANOTHER} of checkpoint {catalog.iteration}, " in header_of(exported)
    assert f"sha256 {digest}" in header_of(exported)
    assert digest != sha256_of_file(hyper.path / "policy.safetensors")
    said = {key: exported.manifest[key] for key in ("architecture", "checkpoint", "env_steps", "shape", "bytes")}
    assert said == {
        "architecture": [16, 8],
        "checkpoint": catalog.iteration,
        "env_steps": catalog.env_steps,
        "shape": [3, 16, 8, 2],
        "bytes": stored_bytes(policy),
    }
    assert json.loads((tmp_path / "out/MANIFEST.json").read_text(encoding="utf-8")) == exported.manifest


def test_two_architectures_have_two_hashes_and_one_has_always_the_same(hyper):
    catalog = open_catalog(hyper)
    hashes = [hashes_of(catalog.policy(widths)) for widths in ("4", "8", "4")]
    assert hashes[0] == hashes[2] != hashes[1]


def test_the_hash_of_a_policy_is_that_of_its_file(hyper):
    assert hashes_of(load_policy(hyper.path / "policy")) == hashes_of_files(hyper.path)


def test_an_export_needs_no_run_once_its_source_is_read(tmp_path):
    run = search(out=tmp_path / "run", **TARGET, **TINY, method="linear")
    options = ExportOptions(verify=bool(shutil.which("gcc")), episodes=2)
    source = source_of(run, options)
    expected = export(Run(run.path), tmp_path / "one", verify=options.verify, episodes=2)
    shutil.rmtree(run.path)
    assert write(source, tmp_path / "other", options).manifest == expected.manifest


def test_a_verification_without_an_environment_is_refused(hyper, tmp_path):
    source = source_of(hyper, ExportOptions())
    assert source.starts is None
    with pytest.raises(InputError, match="where the policy's episodes begin"):
        write(source, tmp_path / "out", ExportOptions(verify=True))
    assert not list(tmp_path.iterdir())


def test_episodes_begin_where_those_of_evaluate_do(hyper):
    starts = source_of(hyper, ExportOptions(verify=True)).starts
    assert starts.spec.id == TARGET["env"]
    assert starts.seeds(3) == starts.seeds(5)[:3]
    assert np.unique(starts.seeds(100)).size == 100


def test_only_one_file_of_this_room_knows_runs():
    knowing = {path.name for path in Path(exports.__file__).parent.glob("*.py") if "compactrl.runs" in path.read_text()}
    assert knowing == {"api.py"}
