"""Directories that released versions of mmap_ninja wrote, checked in as they were: they stay readable for good."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_identical, tree
from mmap_ninja import RaggedMmap, StringsMmap, open_existing, verify
from mmap_ninja import numpy as np_ninja

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text("utf-8"))
OLD_KINDS = ["ragged-scalars", "ragged-1d", "ragged-nd", "strings", "dense-c", "dense-f"]
# 0.4.0 called its ragged directories `numpy`, and earlier releases named no kind at all.
RELEASES = {
    "0.2.3": OLD_KINDS,
    "0.2.4": OLD_KINDS,
    "0.3.0": OLD_KINDS,
    "0.4.0": OLD_KINDS,
    "0.5.4": OLD_KINDS,
    "0.8.2": OLD_KINDS,
    "0.9.0": list(MANIFEST),
}


def directories(*stores):
    """Parameters `release` and `kind` for every golden directory of these stores."""
    chosen = [
        (release, kind)
        for release, kinds in RELEASES.items()
        for kind in kinds
        if MANIFEST[kind]["store"] in (stores or ("ragged", "string", "numpy"))
    ]
    return pytest.mark.parametrize(("release", "kind"), chosen)


def array_of(described, dtype):
    return np.array(described["values"], dtype).reshape(described["shape"])


def expected(kind):
    """The samples of a ragged or string directory; the array of a dense one."""
    entry = MANIFEST[kind]
    if entry["store"] == "string":
        return entry["samples"]
    if entry["store"] == "ragged":
        return [array_of(sample, entry["dtype"]) for sample in entry["samples"]]
    return np.asarray(array_of(entry["array"], entry["dtype"]), order=entry["order"])


def create(kind, path):
    """The same data, stored by this version."""
    entry, samples = MANIFEST[kind], expected(kind)
    if entry["store"] == "ragged":
        RaggedMmap.from_lists(path, samples)
    elif entry["store"] == "string":
        StringsMmap.from_strings(path, samples, **entry["options"])
    else:
        np_ninja.from_ndarray(path, samples)


@pytest.fixture
def golden(release, kind):
    return GOLDEN / release / kind


@directories("ragged")
def test_every_way_to_read_ragged_samples_gives_the_expected_ones(golden, kind):
    samples = expected(kind)
    ragged = open_existing(golden)
    everything, reversed_order = list(range(len(samples))), list(range(len(samples)))[::-1]
    assert type(ragged) is RaggedMmap
    ragged.prefetch(everything)
    assert (len(ragged), ragged.dtype) == (len(samples), samples[0].dtype)
    for found in (
        [ragged[index] for index in everything],
        [ragged[index - len(samples)] for index in everything],
        list(ragged),
        ragged[:],
        ragged[everything],
        ragged[reversed_order][::-1],
        ragged.__getitems__(everything),
        pickle.loads(pickle.dumps(ragged))[:],
        RaggedMmap(golden)[:],
        RaggedMmap(golden, mode="c")[:],
    ):
        assert len(found) == len(samples)
        for sample, wanted in zip(found, samples, strict=True):
            assert_identical(np.asarray(sample, wanted.dtype), wanted)
            assert isinstance(sample, np.ndarray) == (wanted.ndim > 0)
    values, offsets = ragged.gather(everything)
    assert_identical(values, np.concatenate([sample.ravel() for sample in samples]))
    assert_identical(ragged.memmap, values)
    sizes = [sample.size for sample in samples]
    assert offsets.tolist() == [0, *np.cumsum(sizes)]
    assert (ragged.starts.tolist(), ragged.ends.tolist()) == (offsets[:-1].tolist(), offsets[1:].tolist())
    assert ragged.lengths.tolist() == ragged.flattened_shapes.tolist() == sizes
    assert [tuple(shape) for shape in ragged.shapes] == [sample.shape or (0,) for sample in samples]


@directories("ragged")
def test_samples_are_padded_to_the_longest(golden, kind):
    samples = expected(kind)
    batch, lengths = open_existing(golden).padded(range(len(samples)))
    longest = np.max([sample.shape for sample in samples], axis=0)
    assert batch.shape == (len(samples), *longest)
    for row, length, sample in zip(batch, lengths, samples, strict=True):
        assert np.ravel(length).tolist() == list(sample.shape)
        assert_identical(row[tuple(map(slice, sample.shape))], sample)
        assert np.count_nonzero(row) == np.count_nonzero(sample)


@directories("string")
def test_every_way_to_read_strings_gives_the_expected_ones(golden, kind):
    texts = expected(kind)
    strings = open_existing(golden)
    everything = list(range(len(texts)))
    assert type(strings) is StringsMmap
    strings.prefetch(everything)
    for found in (
        [strings[index] for index in everything],
        [strings[index - len(texts)] for index in everything],
        list(strings),
        strings[:],
        strings[everything],
        strings.__getitems__(everything),
        pickle.loads(pickle.dumps(strings))[:],
        StringsMmap(golden)[:],
    ):
        assert found == texts
    values, offsets = strings.gather(everything)
    assert values.tobytes() == "".join(texts).encode()
    assert offsets.tolist() == [0, *np.cumsum([len(text.encode()) for text in texts])]
    assert strings.lengths.tolist() == np.diff(offsets).tolist()


@directories("numpy")
@pytest.mark.parametrize("mode", ["r", "c"])
def test_a_dense_array_is_the_expected_one(golden, kind, mode):
    wanted = expected(kind)
    for array in open_existing(golden, mode=mode), np_ninja.open_existing(golden, mode):
        assert_identical(array, wanted)
        assert np.isfortran(array) == np.isfortran(wanted)


@directories()
def test_a_golden_directory_has_no_findings_and_stays_as_it_is(golden, kind):
    before = tree(golden)
    report = verify(golden)
    assert report.ok, report
    assert report.findings == ()
    assert [str(note.file) for note in report.notes] == (
        [] if (golden / "type.ninja").exists() else ["type.ninja"]
    )
    assert report.kind == MANIFEST[kind]["store"]
    assert tree(golden) == before


@directories()
def test_a_copy_of_a_golden_directory_can_be_appended_to(golden, kind, path):
    shutil.copytree(golden, path)
    samples = expected(kind)
    if isinstance(samples, np.ndarray):
        np_ninja.extend_dir(path, np.ones((2, *samples.shape[1:]), samples.dtype))
        assert_identical(open_existing(path)[: len(samples)], samples)
        assert open_existing(path).shape == (len(samples) + 2, *samples.shape[1:])
        assert open_existing(path)[len(samples) :].all()
    else:
        open_existing(path).extend([samples[0], samples[2]])
        found, wanted = open_existing(path)[:], [*samples, samples[0], samples[2]]
        assert list(map(np.shape, found)) == list(map(np.shape, wanted))
        assert all(np.array_equal(sample, text) for sample, text in zip(found, wanted, strict=True))
    assert verify(path).ok


@directories()
def test_the_same_data_gives_the_same_files(golden, release, kind, path):
    create(kind, path)
    ours, theirs = tree(path), tree(golden)
    if release < "0.5":  # Which named no kind, or the same one for all.
        ours, theirs = (
            {name: files[name] for name in files if not name.endswith("type.ninja")}
            for files in (ours, theirs)
        )
    if "zstd" in kind:
        # Frames and dictionaries differ between versions of zstd, and so do their lengths.
        assert set(ours) == set(theirs)
        assert ours["zstd_level.ninja"] == theirs["zstd_level.ninja"]
    else:
        assert ours == theirs
