"""Two copies of `rvs serve` behind HAProxy (docs/haproxy.cfg), one of which ends: how many questions are answered.

`python -m tools.load_replicas` needs haproxy on this machine, listens on loopback only, and asks a bounded number.
"""

import argparse
import asyncio
import contextlib
import io
import json
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from PIL import Image

from rvs.settings import load_settings
from tests.web.behind_haproxy import BINARY, as_the_bot_asks, balanced, load, once_only
from tools.sample_photo import sample_photo

_CLIENTS = 6
_WAYS = {
    "killed, asked as the bot asks": (signal.SIGKILL, as_the_bot_asks, "0"),
    "killed, asked once only": (signal.SIGKILL, once_only, "0"),
    "stopped, asked as the bot asks": (signal.SIGTERM, as_the_bot_asks, "0"),
    "stopped, asked once only": (signal.SIGTERM, once_only, "0"),
    "stopped after draining, asked once only": (signal.SIGTERM, once_only, "2"),
}


async def measure(questions: int) -> dict[str, object]:
    """Of each way in which a copy ends: how the questions ended, and how many a second were answered."""
    cache_dir = load_settings().cache_dir
    photos = [_photo(side) for side in (200, 700)] * (questions // 2)
    figures: dict[str, object] = {}
    for words, (number, asking, drain) in _WAYS.items():
        environment = {"RVS_SERVE_DRAIN_SECONDS": drain}
        with tempfile.TemporaryDirectory() as folder:
            async with balanced(Path(folder), cache_dir, environment) as proxy:
                ending = proxy.copies[0]
                async with asking(proxy.url, _CLIENTS) as ask:
                    began = time.perf_counter()
                    end = partial(ending.send, number)
                    ended = await load(ask, photos, _CLIENTS, {len(photos) // 3: end})
                    seconds = time.perf_counter() - began
                await ending.wait()
        answered = ended.pop("", 0)
        figures[words] = {
            "answered": answered,
            "sent": len(photos),
            "else": dict(ended),
            "per_second": round(len(photos) / seconds, 1),
        }
    return figures


def _photo(side: int) -> bytes:
    file = io.BytesIO()
    with Image.open(sample_photo()) as picture:
        picture.convert("RGB").resize((side, side)).save(file, "JPEG")
    return file.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=300, help="of each way")
    arguments = parser.parse_args()
    if BINARY is None:
        sys.exit("haproxy is not installed: apt-get install haproxy")
    with contextlib.redirect_stdout(io.StringIO()):  # where the copies' logs would go
        result = asyncio.run(measure(arguments.questions))
    print(json.dumps(result, indent=2))
