"""Where an exported policy comes from, as the C and the manifest say it.

A policy is known by the hash of its file. The one that ships from a run has its file there. Of any other policy it is
the hash of the file that `save_policy` would write, so that the same numbers have the same hash.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compactrl.exports.folder import sha256
from compactrl.policies.files import save_policy
from compactrl.policies.policy import Policy

FILES = ("policy.safetensors", "policy.json")
"""Of a policy: its numbers, and what they are."""


@dataclass(frozen=True)
class Origin:
    """Where a policy comes from."""

    hashes: dict[str, str]
    """SHA-256 of each of `FILES`."""
    words: str = ""
    """What tells it from the policy that its run ships."""
    manifest: dict[str, Any] = field(default_factory=dict)
    """What else the manifest says of it, as JSON values."""

    @property
    def sha256(self) -> str:
        """The hash of the policy's numbers."""
        return self.hashes[FILES[0]]

    def provenance(self, policy: Policy) -> str:
        """Return which policy an export is of, in words."""
        words = f", {self.words}" if self.words else ""
        size = policy.size
        return f"--method {policy.method}{words}, {size.weights} weights, {size.biases} biases; sha256 {self.sha256}"


def hashes_of_files(folder: Path) -> dict[str, str]:
    """Return the hashes of the policy in a folder."""
    return {name: sha256((folder / name).read_bytes()) for name in FILES}


def hashes_of(policy: Policy) -> dict[str, str]:
    """Return the hashes of a policy that has no files, as they would be written."""
    with tempfile.TemporaryDirectory() as temporary:
        save_policy(Path(temporary) / "policy", policy)
        return hashes_of_files(Path(temporary))
