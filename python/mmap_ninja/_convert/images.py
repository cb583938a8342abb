"""Images as arrays, decoded by Pillow."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

EXTENSIONS = frozenset(
    [".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"]
)
# Pillow's modes that become arrays as they are, and the target of each mode that is converted.
PLAIN_MODES = ("L", "RGB", "RGBA")
_CONVERSIONS = {"1": "L", "La": "RGBA", "LA": "RGBA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB"}
_CONVERSIONS |= dict.fromkeys(("CMYK", "HSV", "LAB", "YCbCr"), "RGB")


@dataclass(frozen=True)
class Decoder:
    """Decodes images, of which only the first frame is taken, and rotates them according to their EXIF orientation.

    Attributes:
        mode: the mode of Pillow that they are converted to; by default, only what does not fit uint8 channels is converted.
        size: the (width, height) that they are resized to.
    """

    mode: str | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.mode not in (None, *PLAIN_MODES):
            raise ValueError(f"mode must be one of {', '.join(PLAIN_MODES)}, not {self.mode!r}")

    @property
    def declaration(self) -> Any:
        """The declaration of their field: with a mode and a size, it is dense."""
        if not (self.mode and self.size):
            return {"kind": "ragged", "dtype": np.uint8}
        width, height = self.size
        channels = (len(self.mode),) if len(self.mode) > 1 else ()
        return np.dtype((np.uint8, (height, width, *channels)))

    def decode(self, image: Path | bytes, place: str) -> np.ndarray:
        """The pixels of a file, or of its bytes: uint8 of shape (height, width) or (height, width, channels).

        Raises:
            ValueError: it cannot be decoded; the message begins with `place`.
            ImportError: Pillow is not installed.
        """
        try:
            from PIL import Image, ImageOps
        except ImportError as error:
            raise ImportError(
                'reading images requires Pillow: pip install "mmap_ninja[images]>=1"'
            ) from error
        try:
            with Image.open(BytesIO(image) if isinstance(image, bytes) else image) as opened:
                found = _to_8_bit(ImageOps.exif_transpose(opened))
                if self.mode is not None and found.mode != self.mode:
                    found = found.convert(self.mode)
                return np.asarray(found if self.size is None else found.resize(self.size))
        except Exception as error:  # Pillow raises errors of many types for damaged files.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ValueError(f"{place}: cannot read this image ({_reason(error, image)})") from error


def _reason(error: Exception, image: Path | bytes) -> str:
    """What is wrong, without the name of the file or of the object that holds its bytes."""
    if isinstance(image, bytes):
        return str(error).partition(" <_io.BytesIO")[0]
    return str(error).removesuffix(f" {str(image)!r}")


def _to_8_bit(image: Any) -> Any:
    """Convert a Pillow image to one of `PLAIN_MODES`."""
    if image.mode in PLAIN_MODES:
        return image
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode not in _CONVERSIONS:
        raise ValueError(f"pixels of mode '{image.mode}' do not fit uint8")
    return image.convert(_CONVERSIONS[image.mode])
