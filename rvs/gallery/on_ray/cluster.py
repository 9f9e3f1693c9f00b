"""The Ray cluster that does the work: one that runs already, or one of this machine for the time of a build."""

import logging
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from rvs.errors import ConfigError
from rvs.gallery.on_ray.packages import needed

_HINT = (
    "`ray start --head` starts one. Python and Ray have to be of the same version everywhere, and the cluster's token"
    " in RAY_AUTH_TOKEN."
)
_CONNECT_S = 5.0
_OBJECTS_BYTES = 128 * 2**20  # what passes through are lists of names


@contextmanager
def connected(address: str | None, cpus: int) -> Iterator[None]:
    """Use a cluster. Within the block, standard output goes where errors go.

    Args:
        address: "host:port" of its head, or "auto" on one of its machines; a cluster that asks for a token finds
            it in RAY_AUTH_MODE and RAY_AUTH_TOKEN. None starts one on this machine, which nobody else can reach.
        cpus: of the one that is started.

    Raises:
        ConfigError: Ray is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it warns of its own way to start actors
    if address is not None:
        _reach(address)
    else:
        # Ray reads these when it is imported. Without the first it listens on all addresses of this machine, and
        # whoever reaches them may run code; without the second it writes a token into the home folder.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    ray = needed("ray")
    data = needed("ray.data")
    local = {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": _OBJECTS_BYTES}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.WARNING,
            **(local if address is None else {}),
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        what = f"The Ray cluster at {address} cannot be used" if address else "Ray does not start"
        raise ConfigError(f"{what}: {error}", hint=_HINT) from error
    try:
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors come as exceptions
        context = data.DataContext.get_current()
        context.enable_progress_bars = False  # ours tells
        # It prints what it does again, and our standard output is for answers.
        with redirect_stdout(sys.stderr):
            yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    # Ray itself would try for half an hour.
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return  # "auto"
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except OSError as error:
        raise ConfigError(f"There is no Ray cluster at {address}: {error}", hint=_HINT) from error
