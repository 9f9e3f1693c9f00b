"""Runs the real Milvus where nobody can reach it but through one socket file; started by `tests.search_servers`.

It listens on all interfaces, so it is started in a network namespace that has loopback only:

    unshare --net python tests/vectors/milvus_apart.py DATA SOCKET

What arrives at the socket file, which belongs to no namespace, is passed on to Milvus. `start`, `kill`
(-9), `pause` and `go on` are told on standard input, a line each; when that ends, so does everything.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

from milvus import MilvusServer, MilvusServerConfig, _initialize_data_files

_PORT = 19530
_GONE_AFTER_S = 3  # a killed one starts again only when it counts as gone; otherwise after 30
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1


def loopback_up() -> None:
    """`ip link set lo up`, where there may be no `ip`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _GET_FLAGS, asked))[1]
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        from_milvus, to_milvus = await asyncio.open_connection("127.0.0.1", _PORT)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pass_on(reader, to_milvus), pass_on(from_milvus, writer))


def obey(data: Path) -> None:
    config = MilvusServerConfig()
    server = MilvusServer(config)
    server.set_base_dir(str(data))
    config.set("common.session.ttl", _GONE_AFTER_S)
    config.resolve()  # once: right after a kill it would take other ports
    _initialize_data_files(str(data))
    process: subprocess.Popen[bytes] | None = None
    for word in sys.stdin:
        match word.strip(), process:
            case "start", _:
                process = started(data)
            case "kill", subprocess.Popen():
                process.kill()
                process.wait()
            case "pause", subprocess.Popen():
                process.send_signal(signal.SIGSTOP)
            case "go on", subprocess.Popen():
                process.send_signal(signal.SIGCONT)
        print(word.strip(), flush=True)
    if process is not None:
        process.kill()


def started(data: Path) -> "subprocess.Popen[bytes]":
    programs = data / "bin"
    ours = {
        "DEPLOY_MODE": "STANDALONE",
        "METRICS_PORT": "9091",
        "MILVUS_RUN_DIR": str(data / "run"),
        "LD_LIBRARY_PATH": str(programs),
    }
    with (data / "logs" / "all.log").open("ab") as log:
        return subprocess.Popen(
            [programs / "milvus", "run", "standalone"],
            cwd=data,
            env=os.environ | ours,
            stdout=log,
            stderr=log,
        )


async def main() -> None:
    data, path = Path(sys.argv[1]), sys.argv[2]
    loopback_up()
    relay = await asyncio.start_unix_server(connected, path)
    # Not a thread of the pool, which would be waited for when this is interrupted.
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def run() -> None:
        obey(data)
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=run, daemon=True).start()
    await ended.wait()
    relay.close()


if __name__ == "__main__":
    asyncio.run(main())
