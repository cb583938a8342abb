"""Samples that are always the same."""

import string
from typing import Any

import numpy as np

KINDS = ("sequences", "images", "texts")


def samples(kind: str, count: int) -> list:
    """`count` samples of a kind: int32 sequences of 10 to 499, uint8 images of about 400 x 400 x 3, texts of about
    1 kB (`Cyrillic texts`: of two bytes a letter), or records: dicts of 8 to 500 uint16 tokens, an int64 label and a short
    text.
    """
    make = {
        "sequences": _sequences,
        "images": _images,
        "texts": _texts,
        "Cyrillic texts": _cyrillic_texts,
        "records": _records,
    }[kind]
    return make(np.random.default_rng(seed=0), count)


def are_equal(one: Any, other: Any) -> bool:
    """Whether two samples are the same: arrays, texts, or records of them."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(are_equal(one[name], other[name]) for name in one)
    return np.array_equal(one, other)


def _sequences(random: np.random.Generator, count: int) -> list[np.ndarray]:
    ends = np.cumsum(random.integers(10, 500, count))
    values = random.integers(0, 50_000, ends[-1], dtype=np.int32)
    return np.split(values, ends[:-1])


def _images(random: np.random.Generator, count: int) -> list[np.ndarray]:
    shapes = [(*sides, 3) for sides in random.integers(350, 450, (count, 2)).tolist()]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    values = random.integers(0, 1 << 64, ends[-1] // 8 + 1, dtype=np.uint64).view(np.uint8)
    return [flat.reshape(shape) for flat, shape in zip(np.split(values, ends), shapes, strict=False)]


def _texts(random: np.random.Generator, count: int, letters: str = string.ascii_lowercase) -> list[str]:
    """Cuts from a long row of words, of which some are frequent and most are rare."""
    words = ["".join(random.choice(list(letters), length)) for length in random.integers(2, 11, 5_000)]
    book = " ".join(words[rank % len(words)] for rank in random.zipf(1.3, 500_000))
    lengths = random.integers(500, 1_500, count).tolist()
    starts = random.integers(0, len(book) - 1_500, count).tolist()
    return [book[start : start + length] for start, length in zip(starts, lengths, strict=True)]


def _cyrillic_texts(random: np.random.Generator, count: int) -> list[str]:
    return _texts(random, count, "абвгдежзийклмнопрстуфхцчшщъьюя")


def _records(random: np.random.Generator, count: int) -> list[dict[str, Any]]:
    ends = np.cumsum(random.integers(8, 501, count))
    tokens = np.split(random.integers(0, 50_000, ends[-1], dtype=np.uint16), ends[:-1])
    labels, names = random.integers(0, 1_000, count), random.integers(0, 1 << 32, count).tolist()
    texts = (f"photographs/{name:08x}.jpg" for name in names)
    columns = zip(tokens, labels, texts, strict=True)
    return [{"tokens": row, "label": label, "text": text} for row, label, text in columns]
