"""An aiohttp application on an address and port, or one sentence why it cannot have them.

What is served there, and who may ask for it, is for the application to know.
"""

import errno
import os
import socket
from typing import Any

from aiohttp import web

from rvs.errors import ConfigError


async def listen(
    app: web.Application, host: str, port: int, *, what: str, settings: tuple[str, str], **options: Any
) -> web.AppRunner:
    """Serve an application from now on, until its runner is cleaned up.

    Args:
        app: what is served.
        host: the address to listen on.
        port: 0 takes any that is free; see `port_of`.
        what: what it is called in a sentence.
        settings: the variables that name host and port.
        options: of aiohttp's runner and its connections.

    Raises:
        ConfigError: the address or port cannot be had.
    """
    # No access log: a line every few seconds that says nothing, or one with what people asked.
    runner = web.AppRunner(app, access_log=None, **options)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except (OSError, UnicodeError) as error:
        await runner.cleanup()
        raise _cannot_listen(what, host, port, settings, error) from error
    return runner


def port_of(runner: web.AppRunner | None) -> int:
    """Where it listens; 0 when it does not."""
    addresses = runner.addresses if runner is not None else []
    return int(addresses[0][1]) if addresses else 0


def _cannot_listen(
    what: str, host: str, port: int, settings: tuple[str, str], error: Exception
) -> ConfigError:
    host_variable, port_variable = settings
    is_name = isinstance(error, (socket.gaierror, UnicodeError))  # its numbers mean something else
    number = None if is_name or not isinstance(error, OSError) else error.errno
    if number == errno.EADDRINUSE:
        return ConfigError(
            f"{what} cannot listen on {host}: port {port} is in use already.",
            hint=f"Set {port_variable} to another one.",
        )
    why = os.strerror(number) if number else "there is no such address"
    return ConfigError(
        f"{what} cannot listen on {host} port {port}: {why}.",
        hint=f"Correct {host_variable} or {port_variable}.",
    )
