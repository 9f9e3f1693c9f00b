"""The weight files that travel with the package: what each is called and what its bytes must hash to.

Made by `tools/convert_weights.py`; origins and licences are in NOTICE.md.
"""

from dataclasses import dataclass
from pathlib import Path

from rvs.errors import WeightsError
from rvs.whole_files import sha256_of


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """A Keras weight file beside this module and its sha256."""

    file: str
    sha256: str

    def verified_path(self) -> Path:
        """Where the file is, after its bytes have been checked.

        Raises:
            WeightsError: it is missing or not the file that was published.
        """
        path = Path(__file__).parent / self.file
        if not path.is_file():
            raise WeightsError(
                f"The packaged weights {self.file} are missing.", hint="Install the package again."
            )
        if sha256_of(path) != self.sha256:
            raise WeightsError(
                f"The packaged weights {self.file} are damaged (their sha256 is not the published one).",
                hint="Install the package again.",
            )
        return path


RETINAFACE_MOBILENET = PackagedWeights(
    "retinaface_mobilenet.weights.h5", "a3bfdd3722b26fb1afe36153254b41962c0888efa990a05567affa7c1f88eb83"
)
FACE_RESNET = PackagedWeights(
    "face_resnet.weights.h5", "6a7ed4a9e69941c98a2a8cde7dc93d6e64b512e11029b8a78adddf2da9457bc1"
)
