"""`rvs serve`: the engine over HTTP, until it is told to stop."""

import asyncio
import logging
import os
import sys
from typing import Annotated

import typer

from rvs.cli.terminal import DetectorWeightsOption, IndexOption, PipelineOption, WeightsOption
from rvs.logs import LogStyle, WithoutTraceback, configure_logging
from rvs.settings import load_settings
from rvs.web.settings import load_serve_settings


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [default: RVS_SERVE_HOST or 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes a free one. [default: RVS_SERVE_PORT or 8080]")
    ] = None,
    index: IndexOption = None,
    pipeline: PipelineOption = None,
    weights: WeightsOption = None,
    detector_weights: DetectorWeightsOption = None,
) -> None:
    """Answer over HTTP: POST /v1/find, /v1/compare, /v1/embed; see /v1/openapi.json."""
    from rvs.web.run import run  # noqa: PLC0415

    settings = load_settings(
        index=index, pipeline=pipeline, weights=weights, detector_weights=detector_weights
    )
    serve_settings = load_serve_settings(host=host, port=port)
    _log_as_a_service(settings.logs)
    # The event loop waits this long, not 5 ms, for a thread that computes in Python.
    sys.setswitchinterval(0.001)
    asyncio.run(run(settings, serve_settings))
    logging.shutdown()
    os._exit(0)  # not the way back, which waits for threads: one may compute a photo nobody wants any more


def _log_as_a_service(style: LogStyle) -> None:
    """Instead of the command line's lines: one event a line, with time and level."""
    logger = logging.getLogger("rvs")
    logger.handlers, logger.propagate = [], True
    configure_logging(style, sys.stderr)
    # What browsers and scanners send that is not HTTP: no traceback, and nothing of what it was.
    logging.getLogger("aiohttp.server").addFilter(WithoutTraceback())
