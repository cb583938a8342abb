"""Files that are a sample each: images, texts and arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

from mmap_ninja._convert import arrays, images


@dataclass(frozen=True)
class SampleKind:
    """How files of one kind become samples.

    Attributes:
        field: the name of the field that holds them.
        declaration: the declaration of this field.
        read: reads a regular file as a sample.
    """

    field: str
    declaration: Any
    read: Callable[[Path], Any]

    def load(self, file: Path) -> Any:
        """Read a file as a sample. Every error names the file."""
        if not S_ISREG(file.stat().st_mode):  # Reading a FIFO would wait for a writer.
            raise ValueError(f"{file}: not a regular file")
        return self.read(file)


def images_of(decoder: images.Decoder) -> SampleKind:
    """Images that a decoder reads."""
    return SampleKind("image", decoder.declaration, lambda file: decoder.decode(file, str(file)))


def text(content: bytes, place: str) -> str:
    """The text of a file; ValueError if it is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{place}: not valid UTF-8 ({error.reason} at byte {error.start})") from error


TEXTS = SampleKind("text", str, lambda file: text(file.read_bytes(), str(file)))
ARRAYS = SampleKind("array", "ragged", lambda file: arrays.mapped(file))
