"""The connection to Ray: a Ray of our own on this machine, or a cluster that is joined; and what its errors mean.

Our own listens on loopback alone, without dashboard, behind a token that only this process and its workers know.
`RAY_ADDRESS` is never followed: a cluster is joined where the user names it. Nothing is sent to Ray's makers.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

from compactrl.envs.engines import ENGINES
from compactrl.errors import CompactrlError, InputError
from compactrl.evaluation.ray import private

CONNECT_SECONDS = 5.0
LOOPBACK = "127.0.0.1"
LAST_PORT = 65535
MUST_AGREE = ("compactrl", "mujoco")
"""With another version of these a worker's episodes are others; and of its engine's package."""
START = "Start one with `ray start --head` there (docs/many-machines.md), or leave --ray-address out"


def connect(count: int, address: str) -> tuple[Any, dict[str, str | None] | None]:
    """Return the module ray, connected, and the environment variables to put back where the Ray is our own.

    Args:
        count: workers that will be asked for; 0 for all CPUs of the cluster.
        address: HOST:PORT or `auto`; empty for a Ray of our own.

    Raises:
        InputError: what the address names is not there or does not let us in, or has too few CPUs.
    """
    try:
        import ray
    except ImportError as error:
        raise InputError(f"--workers needs Ray: pip install -c constraints.txt ray ({error})") from error
    if ray.is_initialized():
        raise InputError(
            "this process is connected to a Ray already, by another search with workers or by ray.init(): "
            "end that first, with ray.shutdown()"
        )
    _silence()
    with _own_signal_handlers():
        if not address:
            return ray, _begin(ray, count)
        _join(ray, address)
    available = cpus(ray)
    if count > available:
        ray.shutdown()
        raise InputError(
            f"--workers {count}: the cluster at {address} has {available} CPUs. Start Ray on more machines with "
            f"`ray start --address={address}`, ask for {available}, or leave --workers out to use all there are, as "
            "they come and go"
        )
    return ray, None


def _silence() -> None:
    """Keep Ray from printing: what matters is raised, and becomes one line; standard output is for results."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    private.keep_quiet()


def _begin(ray: Any, count: int) -> dict[str, str | None]:
    """Begin a Ray of our own; return the environment variables as they were."""
    cores = len(os.sched_getaffinity(0))
    if count > cores:
        warnings.warn(
            f"{count} workers share {cores} core{'s' * (cores != 1)}: more than one a core are no faster", stacklevel=4
        )
    wanted = {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # its servers listen on loopback (`private.loopback`)
        "RAY_AUTH_TOKEN": _token(),
        "RAY_AUTH_TOKEN_PATH": None,
        "RAY_AUTH_MODE": None,  # Ray then turns it on itself, in this process too
        "RAY_ADDRESS": None,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_AUTO_CONNECT": "0",  # nothing begins another one once this has ended
        "RAY_worker_niceness": "0",  # else at 15, and anything else on the machine comes first
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    before = {name: os.environ.get(name) for name in wanted}
    _set(wanted)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(
                address="local",
                num_cpus=count,
                num_gpus=0,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **private.loopback(LOOPBACK),
            )
    except Exception as error:
        _set(before)
        raise CompactrlError(
            f"Ray does not begin on this machine: {_first_line(error)}. Without --workers nothing needs it"
        ) from error
    return before


@cache
def _token() -> str:
    """One for this process: Ray reads it once."""
    return secrets.token_hex(32)


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _join(ray: Any, address: str) -> None:
    """Join a cluster.

    Raises:
        InputError: nobody there, or not let in.
    """
    inherited = os.environ.pop("RAY_ADDRESS", None)
    try:
        server = _answering_address(address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(address=server, log_to_driver=False, logging_level=logging.CRITICAL)
    except InputError:
        raise
    except (ray.exceptions.AuthenticationError, ConnectionError) as error:
        # Ray does not tell a token that is refused from a server that is something else.
        raise InputError(
            f"--ray-address {address}: something answers, but no Ray that lets this process in. Put the cluster's "
            "token into RAY_AUTH_TOKEN, or the path of its file into RAY_AUTH_TOKEN_PATH, and check the port"
        ) from error
    except Exception as error:
        raise InputError(
            f"--ray-address {address}: cannot join: {_first_line(error)}. The search must run on a machine of the "
            f"cluster (`ray start --address={address}` makes this one such)"
        ) from error
    finally:
        _set({"RAY_ADDRESS": inherited})
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        warnings.warn(
            f"the Ray at {address} has no authentication: whoever reaches it can run code on its machines. Start it "
            "with RAY_AUTH_MODE=token (docs/many-machines.md)",
            stacklevel=4,
        )


def _answering_address(address: str) -> str:
    """Return HOST:PORT where somebody answers: Ray would try for minutes, also where a Ray has long ended."""
    if address == "auto":
        try:
            address = private.address_here()
        except ConnectionError as error:
            raise InputError(f"--ray-address auto: no Ray runs on this machine. {START}") from error
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        raise InputError(f"--ray-address {address}: expected HOST:PORT, such as 10.0.0.5:6379, or auto")
    if not 1 <= int(port) <= LAST_PORT:  # the system would take the number's last 16 bits, and ask whoever is there
        raise InputError(f"--ray-address {address}: expected a port from 1 to {LAST_PORT}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"--ray-address {address}: no one answers there ({reason}). {START}") from error
    return address


@contextlib.contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Keep the handlers of SIGINT and SIGTERM, which Ray puts its own in the place of."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def shut_down(variables: dict[str, str | None] | None) -> None:
    """Leave the cluster, or end our own Ray and put its environment variables back."""
    import ray

    ray.shutdown()
    _set(variables or {})


def cpus(ray: Any) -> int:
    """Return how many CPUs the cluster has now."""
    return int(ray.cluster_resources().get("CPU", 0))


def unlike(report: dict[str, Any], engine: str) -> str:
    """Say which versions of a worker are not this process's, or nothing.

    Args:
        report: of the worker.
        engine: what steps the environments, a name in `ENGINES`.
    """
    from compactrl.versions import versions

    ours, theirs = versions(), report["versions"]
    different = [
        f"{name} {theirs.get(name, 'not installed')} (here {ours.get(name, 'not installed')})"
        for name in (*MUST_AGREE, ENGINES[engine].package)
        if theirs.get(name) != ours.get(name)
    ]
    if not different:
        return ""
    return (
        f"a worker on {report['machine']} has {' and '.join(different)}, which gives other episodes: install the same "
        "versions there, with constraints.txt"
    )


def reason_of(error: BaseException) -> str:
    """Say in one line why a worker is gone, or what it raised."""
    from ray import exceptions

    if isinstance(error, exceptions.RayTaskError):
        cause = error.cause
        return str(cause) if isinstance(cause, CompactrlError) else f"{type(cause).__name__}: {cause}"
    text = str(error)
    if getattr(error, "actor_init_failed", False):
        last = text.strip().splitlines()[-1].rstrip(".")
        return f"{last}. Install compactrl, Ray and the environment on every machine alike"
    if isinstance(error, exceptions.OutOfMemoryError) or "memory usage threshold" in text:
        return "its machine is out of memory: give it fewer workers, or the search fewer --num-envs"
    if "node" in text.lower() and ("terminated" in text or "died:" in text or "preempt" in text):
        return "its machine left the cluster"
    return "its process ended (killed, crashed, or out of memory)"


@contextlib.contextmanager
def ray_errors_as_messages() -> Iterator[None]:
    """Raise what Ray raises as one line that says what to do."""
    from ray import exceptions

    advice = "The run's last checkpoint is good: `compactrl resume` goes on from it"
    try:
        yield
    except (exceptions.ObjectStoreFullError, exceptions.OutOfDiskError) as error:
        raise CompactrlError(
            "Ray's object store is full: give it more (`ray start --object-store-memory`), make room on its disk, or "
            f"search with a smaller --population. {advice}"
        ) from error
    except (exceptions.RayError, ConnectionError) as error:
        raise CompactrlError(f"Ray cannot go on: {_first_line(error)}. {advice}") from error


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
