"""What of Ray is used here and is not promised to stay: all of it in this file.

A test says which versions of Ray that holds for (`TESTED`), and that all of `PRIVATE` is there.
"""

from __future__ import annotations

from typing import Any

TESTED = ">=2.54,<2.61"
"""Versions of Ray that this file is for."""
PRIVATE = (
    "ray._private.worker:print_to_stdstream",
    "ray._private.ray_constants:ENABLE_RAY_CLUSTER",
    "ray._private.worker:_global_node",
    "ray._private.services:canonicalize_bootstrap_address",
)
"""Module and name."""


def keep_quiet() -> None:
    """Keep Ray from printing: 2.60 prints stories of dead workers whatever `log_to_driver` says."""
    from ray._private import worker

    worker.print_to_stdstream = lambda *_, **__: None


def loopback(address: str) -> dict[str, Any]:
    """Return what `ray.init` needs, so that the servers of a Ray of our own listen on this loopback address alone.

    Ray takes the machine's address unless it believes that clusters are not supported here: the argument alone does
    not do it. The environment variable RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER says the same to the processes it begins.
    """
    from ray._private import ray_constants

    ray_constants.ENABLE_RAY_CLUSTER = False
    return {"_node_ip_address": address}


def raylet() -> int:
    """Return the process of the raylet of a Ray of our own; 0 where it is another's, or not to be found."""
    from ray._private import worker

    found = getattr(worker._global_node, "all_processes", {}).get("raylet", [])
    return int(found[0].process.pid) if found else 0


def address_here() -> str:
    """Return HOST:PORT of the Ray that runs on this machine.

    Raises:
        ConnectionError: none does.
    """
    from ray._private.services import canonicalize_bootstrap_address

    return canonicalize_bootstrap_address("auto") or ""
