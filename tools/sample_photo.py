"""Print the path of the sample photo: the NASA portrait (public domain) that scikit-image ships."""

from importlib.util import find_spec
from pathlib import Path


def sample_photo() -> Path:
    """Where the portrait is; the package is found, not imported.

    Raises:
        FileNotFoundError: scikit-image is not installed or no longer ships it.
    """
    spec = find_spec("skimage")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / "astronaut.png"
        if path.is_file():
            return path
    raise FileNotFoundError("scikit-image's data/astronaut.png is not installed; run `make env`")


if __name__ == "__main__":
    print(sample_photo())
