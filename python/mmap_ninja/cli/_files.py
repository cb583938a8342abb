"""Source files of `convert`: finding them in natural order, and reading images and texts."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np


def find_files(folder: Path, patterns: Sequence[str], exclude: Path) -> list[Path]:
    """Find files in a folder and its subfolders, in natural order: `2.png` before `10.png`.

    Hidden files and folders are skipped, and links to folders are not followed.

    Args:
        patterns: globs, of which a file's name must match one.
        exclude: a directory to skip.
    """
    files, excluded = [], os.path.realpath(exclude)
    for parent, folders, names in os.walk(folder, onerror=_raise):
        visible = [name for name in folders if not name.startswith(".")]
        folders[:] = [name for name in visible if os.path.realpath(os.path.join(parent, name)) != excluded]
        matching = (name for name in names if any(fnmatch(name, pattern) for pattern in patterns))
        files += [Path(parent, name) for name in matching if not name.startswith(".")]
    return sorted(files, key=lambda file: (natural_key(file.relative_to(folder)), str(file)))


def _raise(error: OSError) -> None:
    raise error


def natural_key(path: Path) -> tuple[Any, ...]:
    """The sort key that compares digits as numbers and ignores the case of letters."""
    return tuple(
        tuple(int(part) if index % 2 else part.casefold() for index, part in enumerate(parts))
        for parts in (re.split("([0-9]+)", name) for name in path.parts)
    )


@dataclass(frozen=True)
class Kind:
    """How files of one kind become samples.

    Attributes:
        extensions: extensions of such files, in lower case.
        field: the name of the field that holds them.
        declaration: the declaration of this field.
        read: reads a regular file as a sample.
    """

    extensions: frozenset[str]
    field: str
    declaration: Any
    read: Callable[[Path], Any]

    def matches(self, file: Path) -> bool:
        """Whether the file has an extension of this kind."""
        return file.suffix.casefold() in self.extensions

    def load(self, file: Path) -> Any:
        """Read a file as a sample. Every error names the file."""
        if not S_ISREG(file.stat().st_mode):  # Reading a FIFO would wait for a writer.
            raise ValueError(f"{file}: not a regular file")
        return self.read(file)


def _read_text(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: not valid UTF-8 ({error.reason} at byte {error.start})") from error


def images_of(mode: str | None, size: tuple[int, int] | None) -> Kind:
    """Images that are converted to a mode of Pillow and resized to (width, height). With both, their field is dense."""
    declaration: Any = "ragged"
    if mode and size:
        width, height = size
        channels = (len(mode),) if len(mode) > 1 else ()
        declaration = np.dtype((np.uint8, (height, width, *channels)))
    read = partial(_read_image, mode=mode, size=size)
    return replace(KINDS["images"], declaration=declaration, read=read)


def _read_image(file: Path, mode: str | None = None, size: tuple[int, int] | None = None) -> np.ndarray:
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError('reading images requires Pillow: pip install "mmap_ninja[images]>=1"') from error
    try:
        with Image.open(file) as image:
            image = _to_8_bit(ImageOps.exif_transpose(image))
            if mode is not None and image.mode != mode:
                image = image.convert(mode)
            return np.asarray(image if size is None else image.resize(size))
    except Exception as error:  # Pillow raises errors of many types for damaged files.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = str(error).removesuffix(f" {str(file)!r}")
        raise ValueError(f"{file}: cannot read this image ({reason})") from error


# Pillow's modes that become arrays as they are, and the target of each mode that is converted.
PLAIN_MODES = ("L", "RGB", "RGBA")
_CONVERSIONS = {"1": "L", "La": "RGBA", "LA": "RGBA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB"}
_CONVERSIONS |= dict.fromkeys(("CMYK", "HSV", "LAB", "YCbCr"), "RGB")


def _to_8_bit(image: Any) -> Any:
    """Convert a Pillow image to one of `PLAIN_MODES`."""
    if image.mode in PLAIN_MODES:
        return image
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode not in _CONVERSIONS:
        raise ValueError(f"pixels of mode '{image.mode}' do not fit uint8")
    return image.convert(_CONVERSIONS[image.mode])


_IMAGE_EXTENSIONS = ".bmp .gif .jpeg .jpg .pbm .pgm .png .ppm .tif .tiff .webp"
_TEXT_EXTENSIONS = ".md .rst .text .txt"

KINDS = {
    "images": Kind(frozenset(_IMAGE_EXTENSIONS.split()), "image", "ragged", _read_image),
    "texts": Kind(frozenset(_TEXT_EXTENSIONS.split()), "text", str, _read_text),
}
