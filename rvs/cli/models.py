"""`rvs models`: every detector and embedding network, whose it is and where its weights come from."""

from rich.table import Table

from rvs.cli.terminal import JsonOption, out, print_json
from rvs.embedding.spec import EMBEDDERS
from rvs.faces.detector import DETECTORS, RETINAFACE_MOBILENET
from rvs.pipeline import DEFAULT_PIPELINE, FACE_CROPS, WHOLE_IMAGE


def models(as_json: JsonOption = False) -> None:
    """List the networks that a pipeline can be put together from."""
    if as_json:
        print_json(
            {
                "default": DEFAULT_PIPELINE,
                "detectors": [
                    {"name": detector.name, "licence": detector.licence, "weights": detector.weights}
                    for detector in DETECTORS
                ],
                "embedders": [
                    {
                        "name": spec.name,
                        "description": spec.description,
                        "input_side_px": spec.input_side_px,
                        "dimension": spec.dimension,
                        "face_crop": spec.face_crop,
                        "licence": spec.licence,
                        "weights": spec.weights,
                    }
                    for spec in EMBEDDERS
                ],
            }
        )
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("detector", "what it is", "licence", "weights"):
        table.add_column(title, overflow="fold")  # a narrow terminal cuts no name short
    table.add_row(WHOLE_IMAGE, "the image as it is", "", "")
    for detector in DETECTORS:
        table.add_row(detector.name, detector.description, detector.licence, detector.weights)
    out().print(table)
    out().print()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("embedder", "what it is", "crop", "input", "length", "licence", "weights"):
        table.add_column(title, overflow="fold")
    for spec in EMBEDDERS:
        side = f"{spec.input_side_px} px"
        size = (side, str(spec.dimension))
        table.add_row(spec.name, spec.description, spec.face_crop, *size, spec.licence, spec.weights)
    out().print(table)
    out().print(f'\nA pipeline is one of each; the default is "{DEFAULT_PIPELINE}".')
    out().print(
        f"Between them may stand another crop than the embedder's own, {' or '.join(FACE_CROPS)}: "
        f'"{RETINAFACE_MOBILENET} + aligned + resnet50".',
        soft_wrap=True,
    )
