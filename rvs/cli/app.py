"""The `rvs` command: its sub-commands put together, and the one place where errors become exit codes.

Exit codes: 0 done; 1 something unexpected; 2 wrong use or a setting that makes no sense; 3 the photo cannot
be used; 4 the index or gallery; 5 weights; 6 busy, no search, or a build that failed; 7 the disk or network; 130
stopped.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import rvs
from rvs.cli import bench, calibrate, doctor, evaluate, find, gallery, index, lfw, models, serve
from rvs.cli.terminal import configure_logging, say_error
from rvs.errors import (
    BusyError,
    ConfigError,
    DeadlineError,
    GalleryError,
    LookalikeError,
    NoFaceError,
    PhotoError,
    PoorPhotoError,
    RebuildError,
    SearchUnavailableError,
    WeightsError,
)

_EXIT_CODES: tuple[tuple[type[LookalikeError], int], ...] = (
    (ConfigError, 2),
    (PhotoError, 3),
    (NoFaceError, 3),
    (PoorPhotoError, 3),
    (GalleryError, 4),
    (WeightsError, 5),
    (BusyError, 6),
    (DeadlineError, 6),
    (RebuildError, 6),
    (SearchUnavailableError, 6),
)


def build_app() -> typer.Typer:
    """The command with all its sub-commands."""
    app = typer.Typer(
        name="rvs",
        help="Reverse visual search for faces: a photo in, the people it resembles out.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",  # "rich" takes [default: ...] for a style and swallows it
    )

    @app.callback()
    def everywhere(
        debug: Annotated[bool, typer.Option("--debug", help="Show every step, and tracebacks.")] = False,
        version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
    ) -> None:
        configure_logging(debug=debug)
        if version:
            typer.echo(f"rvs {rvs.__version__}")
            raise typer.Exit

    app.command("find")(find.find)
    app.command("compare")(find.compare)
    app.add_typer(index.app, name="index")
    app.add_typer(gallery.app, name="gallery")
    app.add_typer(lfw.app, name="lfw")
    app.command("serve")(serve.serve)
    app.command("models")(models.models)
    app.command("eval")(evaluate.evaluate)
    app.command("bench")(bench.bench)
    app.command("calibrate")(calibrate.calibrate)
    app.command("doctor")(doctor.doctor)
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: the process's) and return its exit code; never raises."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = build_app()(args=words, prog_name="rvs", standalone_mode=False)
    except LookalikeError as error:
        why = error.why if isinstance(error, SearchUnavailableError) else ""
        say_error(error.message, why or error.hint)
        code = exit_code(error)
    except typer.TyperException as error:
        say_error(error.format_message(), "See `rvs --help`.")
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        say_error("Stopped.", "")
        code = 130
    except BrokenPipeError:
        code = 0  # the reader, `head` for one, has seen enough
    except OSError as error:
        say_error(
            f"{error.filename or 'The system'}: {error.strerror or error}.", "Check disk, rights and network."
        )
        code = 7
    except Exception as error:
        if "--debug" in words:
            raise
        say_error(
            f"Something unexpected happened: {type(error).__name__}: {error}", "See it all with rvs --debug."
        )
        code = 1
    return code if isinstance(code, int) else 0


def exit_code(error: LookalikeError) -> int:
    """The exit code of an error."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)
