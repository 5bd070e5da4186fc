"""Which encoding a policy gets, and what encodings may know of the rest."""

import ast
from pathlib import Path

from exporting import colored, policy_of

import compactrl.encodings
from compactrl.encodings.formats import SHARED, choose, codebook
from compactrl.encodings.palette import Palette
from compactrl.encodings.tables import Snippets, Table

ROOM = Path(compactrl.encodings.__file__).parent
KNOWN = {"encodings", "errors", "networks", "policies", "types"}


def test_encodings_know_only_networks_policies_types_and_errors():
    imported = {
        node.module.split(".")[1]
        for path in ROOM.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("compactrl.")
    }
    assert imported <= KNOWN


def test_of_the_encodings_that_expand_nothing_the_smallest_is_taken(monkeypatch):
    class Tiny(Palette):
        def tables(self):
            return [Table("weights", "float", self.sharing.weights, "of each colour")]

        def snippets(self):
            return Snippets()

    sharing = colored(policy_of((3, 4, 2)), 3).sharing
    assert type(codebook(sharing)) is Palette
    monkeypatch.setattr("compactrl.encodings.formats.SHARED", (*SHARED, Tiny))
    assert type(choose("auto", sharing).encode(sharing)) is Tiny
