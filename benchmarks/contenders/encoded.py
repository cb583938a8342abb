"""Samples as records of bytes, for stores that know nothing of arrays."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

SHAPE = struct.Struct("<3q")


def encode(kind: str, sample: Any) -> bytes:
    if kind == "texts":
        return sample.encode()
    return sample.tobytes() if kind == "sequences" else SHAPE.pack(*sample.shape) + sample.tobytes()


def decoder(kind: str) -> Callable[[Any], Any]:
    """The function that makes a sample of a record: a view of it, where it is an array."""
    return {"texts": _text, "sequences": _sequence, "images": _image}[kind]


def _text(record) -> str:
    return str(record, "utf-8")


def _sequence(record) -> np.ndarray:
    return np.frombuffer(record, np.int32)


def _image(record) -> np.ndarray:
    return np.frombuffer(record, np.uint8, offset=SHAPE.size).reshape(SHAPE.unpack_from(record))
