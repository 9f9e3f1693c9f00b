"""The report of `rvs eval` in a folder: the document, its Markdown, and its plots, each whole or not at all."""

from pathlib import Path

from rvs.errors import ConfigError
from rvs.evaluation.document import Evaluation, from_json, study_from_json, to_json
from rvs.evaluation.eval_markdown import markdown
from rvs.evaluation.eval_plots import draw_plots
from rvs.evaluation.study import Study
from rvs.whole_files import write_whole

DOCUMENT, TEXT = "evaluation.json", "evaluation.md"


def write_report(folder: Path, evaluation: Evaluation) -> list[Path]:
    """Write `evaluation.json`, `evaluation.md` and the plots; returns the files.

    Raises:
        ConfigError: matplotlib is not installed.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = to_json(evaluation)
    # Everything else is made of what the document says, so that it can be made of it again.
    as_written = from_json(document)
    plots = draw_plots(folder, as_written)
    write_whole(folder / DOCUMENT, document.encode())
    write_whole(folder / TEXT, markdown(as_written).encode())
    return [folder / DOCUMENT, folder / TEXT, *plots]


def earlier_study(folder: Path) -> Study | None:
    """The study of an earlier report in that folder, for one that has none of its own; None where there is none.

    Raises:
        ConfigError: the earlier document, or its study, cannot be read.
    """
    path = folder / DOCUMENT
    if not path.is_file():
        return None
    try:
        return study_from_json(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"The earlier report {path} cannot be read, and its study would be lost.",
            hint="Move it away, or name another folder with --report.",
        ) from error
