"""Code as users write it, with the types that their editors should show; `make lint` checks them, nothing runs them."""

import random
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, assert_type

import numpy as np
from mmap_ninja import (
    RaggedMmap,
    RecordsMmap,
    StringsMmap,
    Wrapped,
    concatenate,
    np_from_generator,
    np_from_ndarray,
    open_existing,
    plans,
)
from numpy.typing import NDArray


class Tensor:
    """What a wrapper makes of an array."""


def to_tensor(array: NDArray[Any]) -> Tensor:
    return Tensor()


def a_map_without_a_dtype(out_dir: Path) -> None:
    images = RaggedMmap(out_dir)
    assert_type(images[0], NDArray[Any])
    assert_type(images[1:], list[NDArray[Any]])
    assert_type(len(images), int)
    for image in images:
        assert_type(image, NDArray[Any])
    images.append([[1, 2], [3, 4]])
    images.extend(np.zeros((2, 3)))
    images[0] = np.zeros(3)


def a_map_of_a_dtype(out_dir: str) -> None:
    tokens: RaggedMmap[np.int32] = RaggedMmap(out_dir, mode="r+")
    assert_type(tokens[-1], NDArray[np.int32])
    assert_type(tokens[[0, 2]], list[NDArray[np.int32]])
    assert_type(tokens[np.array([True, False])], list[NDArray[np.int32]])
    assert_type(tokens.dtype, np.dtype[np.int32] | None)
    assert_type(tokens.gather(range(3)), tuple[NDArray[np.int32], NDArray[np.int64]])
    assert_type(tokens.gather([0], dtype=np.int64)[0], NDArray[np.int64])
    assert_type(tokens.gather([0], dtype="int64")[0], NDArray[Any])
    assert_type(tokens.padded([0], start=[1], dtype=np.dtype(np.float32))[0], NDArray[np.float32])
    batch, lengths = tokens.padded([0, 1], padding_value=-1)
    assert_type(batch, NDArray[np.int32])
    assert_type(lengths, NDArray[np.int64])
    assert_type(tokens.lengths, NDArray[np.int64])
    assert_type(tokens.memmap, np.memmap[Any, np.dtype[np.int32]])
    assert_type(RaggedMmap[np.int32](out_dir)[0], NDArray[np.int32])


def a_map_with_a_wrapper(out_dir: Path) -> None:
    tensors = RaggedMmap(out_dir, wrapper_fn=to_tensor)
    assert_type(tensors[0], Tensor)
    assert_type(tensors[:2], list[Tensor])
    assert_type(tensors.get_single(0), Tensor)
    assert_type(tensors.__getitems__([0, 1]), list[Tensor])
    for tensor in tensors:
        assert_type(tensor, Tensor)


class Sorted(RaggedMmap[np.float32]):
    """A subclass."""


def maps_that_are_made(out_dir: Path) -> None:
    assert_type(Sorted.from_lists(out_dir, [[1.0, 2.0]]), Sorted)
    assert_type(Sorted.from_generator(out_dir, iter([[1.0]]), batch_size=8, dtype=np.float32), Sorted | Any)
    assert_type(Sorted.from_indexable(out_dir, [[1.0]], batch_size=8), Sorted | Any)
    RaggedMmap.from_generator(out_dir, iter([[1.0]]), batch_size=8)[0].sum()
    StringsMmap.from_generator(out_dir, ["one"], 8, zstd_level=3)[0].upper()
    if (built := np_from_generator(out_dir, iter([[1.0]]), batch_size=8)) is not None:
        assert_type(built[0], Any)
    made: RaggedMmap[np.uint8] = RaggedMmap.from_lists(out_dir, [np.zeros(3, np.uint8)])
    assert_type(made[0], NDArray[np.uint8])


def maps_as_sequences(out_dir: bytes) -> None:
    with RaggedMmap(out_dir) as images, StringsMmap(out_dir, locking=False) as texts:
        assert_type(random.sample(images, 5), list[NDArray[Any]])
        assert_type(list(reversed(texts)), list[str])
        sequences: tuple[Sequence[NDArray[Any]], Sequence[str]] = images, texts
        assert_type(sequences[1].index("one"), int)
        assert_type(images[...], list[NDArray[Any]])
        assert_type(images[np.where(np.array([True, False]))], list[NDArray[Any]])
        assert_type(texts[deque([1, 2])], list[str])


def options_that_are_none(out_dir: Path) -> None:
    RaggedMmap(out_dir, mode="x")  # type: ignore[arg-type]
    StringsMmap(out_dir, access="often")  # type: ignore[arg-type]
    RaggedMmap(out_dir, durability="maybe").padded([0], padding_side="top")  # type: ignore[arg-type, call-overload]


def texts(out_dir: Path) -> None:
    texts = StringsMmap.from_strings(out_dir, ["one", "zwei"], zstd_level=3)
    assert_type(texts, StringsMmap)
    assert_type(texts[0], str)
    assert_type(texts[:1], list[str])
    assert_type([text.upper() for text in texts], list[str])
    assert_type(texts.gather([1, 0]), tuple[NDArray[np.uint8], NDArray[np.int64]])
    texts[0] = "uno"
    texts.extend(["drei"], verbose=True)


def functions(out_dir: Path) -> None:
    stored = np_from_ndarray(out_dir, np.zeros((2, 3), np.float32))
    assert_type(stored, np.memmap[Any, np.dtype[np.float32]])
    stored[0] = 1
    joined = concatenate(out_dir / "all", [out_dir / "a", out_dir / "b"])
    assert_type(len(joined), int)
    opened = open_existing(out_dir)
    if isinstance(opened, RaggedMmap):
        assert_type(opened[0], NDArray[Any])
    assert_type(Wrapped(["a"], str.upper)[0], Any)


def plans_of_a_map(out_dir: Path) -> None:
    tokens: RaggedMmap[np.uint16] = RaggedMmap(out_dir)
    assert_type(plans.budget(tokens, 1024)[0], NDArray[np.int64])
    rows = plans.pack(tokens.lengths, 512, long="split")
    assert_type(rows[0], plans.Pieces)
    assert_type(rows[1:3], list[plans.Pieces])
    assert_type(rows.take([2, 1]), plans.Pieces)
    values, offsets, positions = tokens.packed(rows[0])
    assert_type(values, NDArray[Any])
    assert_type(offsets, NDArray[np.int32])
    assert_type(positions, NDArray[np.int64])
    assert_type(tokens.packed([0, 1]), plans.Packed)
    blocks = plans.windows([3, 4], length=2, stride=1, across=True)
    assert_type(blocks[0], plans.Slices)
    assert_type(tokens.slices(*blocks[0]), NDArray[np.uint16])
    assert_type(blocks.report.fill, float)


class Sample(TypedDict):
    """A record."""

    tokens: NDArray[np.uint16]
    label: np.int64
    name: str


def records_of_a_type(out_dir: Path, samples: list[Sample]) -> None:
    train: RecordsMmap[Sample] = RecordsMmap(out_dir, fields=["tokens", "label", "name"])
    assert_type(train[0], Sample)
    assert_type(train[0]["tokens"], NDArray[np.uint16])
    assert_type(train[[1, 0]], list[Sample])
    assert_type(train[np.array([True, False])], list[Sample])
    assert_type(train["tokens"], Any)
    assert_type(train.__getitems__([0, 1]), list[Sample])
    assert_type(train.fields, list[str])
    assert_type(train.batch([0, 1], pad={"tokens": 0}), dict[str, Any])
    assert_type(random.sample(train, 2), list[Sample])
    for sample in train:
        assert_type(sample["name"], str)
    train.append(samples[0])
    train.extend(samples)
    train.add_field("score", [0.5], declaration=np.float32, resume=True)
    train.remove_field("score")
    train[0]["lable"]  # type: ignore[typeddict-item]
    sequence: Sequence[Sample] = train
    assert_type(sequence[0], Sample)


def records_of_dicts(out_dir: Path) -> None:
    train = RecordsMmap(out_dir)
    assert_type(train[0], dict[str, Any])
    assert_type(train[:2], list[dict[str, Any]])
    built = RecordsMmap.from_columns(
        out_dir,
        {"boxes": [[[0, 0, 1, 1]]], "name": ["a"], "x": [[1, 2, 3]]},
        {"boxes": {"shape": (-1, 4), "dtype": np.float32}, "name": str, "x": np.dtype(("f4", (3,)))},
    )
    built[0]["boxes"].sum()
    RecordsMmap.from_lists(out_dir, [{"a": 1}], {"a": np.int64}).append({"a": 2})
    RecordsMmap.from_generator(out_dir, iter([{"a": 1}]), batch_size=8, n=1)[0]["a"].item()
    RecordsMmap.from_indexable(out_dir, [{"a": 1}], batch_size=8, n_jobs=2)[0]["a"].item()
    wrapped = RecordsMmap(out_dir, wrapper_fn={"boxes": to_tensor}, mode="c")
    assert_type(wrapped["boxes"], Any)
    RecordsMmap(out_dir, access="often")  # type: ignore[arg-type]
