"""What `convert` knows about images and texts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np

from mmap_ninja import RaggedMmap, StringsMmap, _build

# What Pillow calls the modes that become arrays as they are, and what the others become.
_AS_THEY_ARE = {"L", "RGB", "RGBA"}
_BECOMES = {"1": "L", "La": "RGBA", "LA": "RGBA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB"}
_BECOMES |= dict.fromkeys(("CMYK", "HSV", "LAB", "YCbCr"), "RGB")


@dataclass(frozen=True)
class Kind:
    """How files become samples.

    Attributes:
        extensions: by which such files are known.
        read: makes a sample of one regular file.
        recipe: how their dataset is built.
    """

    extensions: frozenset[str]
    read: Callable[[Path], Any]
    recipe: _build.Recipe

    def is_likely(self, file: Path) -> bool:
        """Whether the extension is of this kind."""
        return file.suffix.casefold() in self.extensions

    def load(self, file: Path) -> Any:
        """The sample in a file; whatever is wrong with it, the error names it."""
        if not S_ISREG(file.stat().st_mode):
            raise ValueError(f"{file}: this is no regular file")
        return self.read(file)


def _read_text(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: this is no UTF-8 ({error.reason} at byte {error.start})") from error


def _read_image(file: Path) -> np.ndarray:
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError('images need Pillow: pip install "mmap_ninja[images]>=1"') from error
    try:
        with Image.open(file) as image:
            return np.asarray(_plain(ImageOps.exif_transpose(image)))
    except Exception as error:  # Pillow's readers of damaged files raise whatever they run into.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = str(error).removesuffix(f" {str(file)!r}")
        raise ValueError(f"{file}: this image cannot be read ({reason})") from error


def _plain(image: Any) -> Any:
    """The image in a mode of one byte a channel that NumPy understands."""
    if image.mode in _AS_THEY_ARE:
        return image
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode not in _BECOMES:
        raise ValueError(f"its pixels of mode '{image.mode}' do not fit uint8")
    return image.convert(_BECOMES[image.mode])


KINDS = {
    "images": Kind(
        frozenset(
            [".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"]
        ),
        _read_image,
        RaggedMmap._recipe(),
    ),
    "texts": Kind(frozenset({".md", ".rst", ".text", ".txt"}), _read_text, StringsMmap._recipe()),
}
