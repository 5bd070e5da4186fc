"""Bytes mean one thing: what the tables take, in manifest, summary, evaluation and search alike."""

import pytest
from exporting import KINDS, TARGET, TINY

from compactrl.encodings.formats import choose
from compactrl.encodings.plan import make_plan
from compactrl.encodings.storage import stored_bytes
from compactrl.exports import export
from compactrl.searches.api import search


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_takes_the_bytes_that_are_said_of_the_policy(runs, tmp_path, kind):
    run = runs(kind)
    manifest = export(run, tmp_path / "size").manifest
    assert manifest["bytes"] == sum(manifest["tables"].values()) == stored_bytes(run.policy)
    assert manifest["bytes"] == run.report(run.evaluate(1))["bytes"]
    fast = export(run, tmp_path / "speed", optimize="speed").manifest
    assert fast["bytes"] == manifest["bytes"]


@pytest.mark.parametrize("kind", ["chromatic latent", "masked", "toeplitz", "linear"])
def test_a_search_says_the_bytes_of_what_it_ships(tmp_path, kind):
    run = search(out=tmp_path / "run", **{"method": "chromatic", **TARGET, **TINY, **KINDS[kind]})
    assert run.summary["bytes"] == export(run, tmp_path / "out").manifest["bytes"]


def test_unrolled_tables_still_count(runs, tmp_path):
    manifest = export(runs("masked"), tmp_path / "out", optimize="speed").manifest
    assert manifest["tables"] == {}
    assert manifest["bytes"] == stored_bytes(runs("masked").policy) > 0


@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_a_named_format_has_its_own_bytes(runs, tmp_path, weights):
    policy = runs("unstructured").policy
    manifest = export(runs("unstructured"), tmp_path / "out", weights=weights).manifest
    assert manifest["bytes"] == make_plan(policy, choose(weights, policy.sharing)).table_bytes


def test_an_onnx_file_tells_its_size_apart_from_the_bytes_of_its_numbers(runs, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    run = runs("linear")
    manifest = export(run, tmp_path / "policy.onnx", format="onnx").manifest
    assert manifest["file_bytes"] == (tmp_path / "policy.onnx").stat().st_size
    assert manifest["bytes"] == 4 * (3 * 2 + 2 * 3)
