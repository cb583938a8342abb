"""`convert` of NumPy's files and of tokens."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, convert, export, verify

MEGATRON = b"MMIDIDX\x00\x00"

# Arrays


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_becomes_a_dense_field_for_each_array(tmp_path, out, save):
    rng = np.random.default_rng(0)
    arrays = {
        "images": rng.integers(0, 256, (300, 32, 32, 3), np.uint8),
        "columns": np.asfortranarray(rng.random((300, 4))),
        "big": np.arange(300, dtype=">i4"),
        "pairs": np.array([["a", "bc"]] * 300),
    }
    save(tmp_path / "a.npz", **arrays)
    records = convert(tmp_path / "a.npz", out)
    assert records.fields == list(arrays)
    for name, array in arrays.items():
        assert records[name].dtype == array.dtype
        assert np.array_equal(records[name], array)
    assert verify(out).ok
    assert convert(tmp_path / "a.npz", out, fields=["big"], overwrite=True).fields == ["big"]


def test_texts_in_arrays_become_texts_that_go_to_parquet_and_back(tmp_path, out):
    pytest.importorskip("pyarrow.parquet")
    words = ["a", "", "größer"] * 100
    np.savez(tmp_path / "a.npz", x=np.arange(300), words=np.array(words))
    records = convert(tmp_path / "a.npz", out)
    assert records["words"][:] == words
    export(out, tmp_path / "a.parquet")
    assert convert(tmp_path / "a.parquet", tmp_path / "back")["words"][:] == words
    np.save(tmp_path / "empty.npy", np.empty(0, "U3"))
    assert convert(tmp_path / "empty.npy", tmp_path / "none")[:] == []
    np.save(tmp_path / "half.npy", np.array(["a", "\ud800"]))
    with pytest.raises(ValueError, match=r"half.npy: row 1 is no text in Unicode"):
        convert(tmp_path / "half.npy", tmp_path / "none", overwrite=True)


def test_an_npy_file_becomes_one_array_and_a_folder_a_sample_for_each_file(tmp_path, out):
    rows = np.asfortranarray(np.arange(12).reshape(4, 3))
    np.save(tmp_path / "rows.npy", rows)
    assert np.array_equal(convert(tmp_path / "rows.npy", out), rows)
    (tmp_path / "folder").mkdir()
    samples = [np.full((n % 4, 2), n, np.int16) for n in range(12)]
    for number, sample in enumerate(samples):
        np.save(tmp_path / "folder" / f"{number}.npy", sample)
    records = convert(tmp_path / "folder", out, n_threads=2, overwrite=True)
    assert records["name"][:] == [f"{n}.npy" for n in range(12)]
    for found, sample in zip(records["array"], samples, strict=True):
        assert found.dtype == sample.dtype
        assert np.array_equal(found, sample)


def test_arrays_that_are_not_rows_of_one_length_are_refused(tmp_path, out):
    np.savez(tmp_path / "lengths.npz", x=np.zeros(3), y=np.zeros(4))
    np.savez(tmp_path / "scalar.npz", x=np.zeros(3), y=np.float64(1))
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object))
    np.savez(tmp_path / "empty.npz")
    for name, reason in [
        ("lengths", "'x' has 3, 'y' has 4"),
        ("scalar", "'y': an array without axes"),
        ("objects", "only pickle could read"),
        ("empty", "no array"),
    ]:
        with pytest.raises(ValueError, match=f"{name}.npz.*{reason}"):
            convert(tmp_path / f"{name}.npz", out)
    assert convert(tmp_path / "lengths.npz", out, fields=["y"], overwrite=True)["y"].shape == (4,)
    with pytest.raises(ValueError, match="there is no array 'z'"):
        convert(tmp_path / "lengths.npz", out, fields=["z"], overwrite=True)


def test_a_header_that_claims_more_than_there_is_is_refused(tmp_path, out):
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "a.npy"
    np.save(path, np.zeros(100, np.uint8))
    path.write_bytes(path.read_bytes().replace(b"(100,)", b"(9999999999999999,)")[:190])
    for source in path, path.parent:
        with pytest.raises(ValueError, match=r"a.npy: cannot read this array \(an array of 9,999"):
            convert(source, out)


# Tokens


def write_pair(prefix, lengths, documents=None, modes=None, pointers=None, code=8, count=None):
    """A pair of Megatron Core, by the layout of its `IndexedDataset`."""
    starts = np.cumsum([0, *lengths[:-1]]) * 2 if pointers is None else pointers
    documents = np.arange(len(lengths) + 1) if documents is None else documents
    header = struct.pack("<QBQQ", 1, code, len(lengths) if count is None else count, len(documents))
    parts = [np.array(lengths, np.int32), np.array(starts, np.int64), np.array(documents, np.int64)]
    parts += [] if modes is None else [np.array(modes, np.int8)]
    prefix.with_suffix(".idx").write_bytes(MEGATRON + header + b"".join(part.tobytes() for part in parts))
    np.arange(sum(lengths), dtype=np.uint16).tofile(prefix.with_suffix(".bin"))


@pytest.mark.parametrize("name", ["pair", "pair.idx", "pair.bin"])
def test_a_pair_of_megatron_becomes_its_sequences(tmp_path, out, name):
    write_pair(tmp_path / "pair", [3, 0, 5])
    tokens = convert(tmp_path / name, out)
    assert isinstance(tokens, RaggedMmap)
    assert tokens.dtype == np.uint16
    assert [sample.tolist() for sample in tokens] == [[0, 1, 2], [], [3, 4, 5, 6, 7]]


def test_documents_of_several_sequences_and_modes_become_fields(tmp_path, out):
    write_pair(
        tmp_path / "pair", [3, 1, 2, 2], documents=[0, 2, 2, 3, 4], modes=[0, 1, 0, 1], pointers=[0, 8, 4, 0]
    )
    records = convert(tmp_path / "pair", out)
    assert [sample.tolist() for sample in records["tokens"]] == [[0, 1, 2], [4], [2, 3], [0, 1]]
    assert records["document"].tolist() == [0, 0, 2, 3]
    assert records["mode"].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"count": 2**60}, "sequences and"),
        ({"count": 2}, "sequences and"),
        ({"code": 9}, "the dtype code 9 is unknown"),
        ({"pointers": [0, 6, 2**62]}, "sequence 2 lies outside"),
        ({"pointers": [0, 6, -2]}, "sequence 2 lies outside"),
        ({"pointers": [1, 6, 6]}, "sequence 0 lies outside"),
        ({"lengths": [3, -1, 6]}, "sequence 1 lies outside"),
        ({"documents": [0, 2, 1, 3]}, "out of order"),
        ({"documents": [0, 1, 2]}, "do not cover"),
    ],
)
def test_a_pair_whose_index_is_wrong_is_refused(tmp_path, out, wrong, reason):
    write_pair(tmp_path / "pair", **{"lengths": [3, 0, 5], **wrong})
    with pytest.raises(ValueError, match=f"pair.idx: .*{reason}"):
        convert(tmp_path / "pair", out)
    assert not out.exists()


def test_flat_files_of_tokens_become_a_sample_each(tmp_path, out):
    for number in range(2):
        np.arange(5 * number, dtype=np.uint16).tofile(tmp_path / f"{number}.bin")
    tokens = convert(tmp_path / "*.bin", out, dtype="uint16")
    assert [sample.tolist() for sample in tokens] == [[], [0, 1, 2, 3, 4]]
    for dtype, reason in [
        (None, "'dtype' is needed"),
        ("uint32", "no whole number"),
        ("S2", "tokens are numbers"),
        ("float99", "1.bin: there is no dtype 'float99'"),
    ]:
        with pytest.raises(ValueError, match=reason):
            convert(tmp_path / "1.bin", out, dtype=dtype, overwrite=True)


@settings(max_examples=60)
@given(data=st.data())
def test_mutated_sources_are_converted_or_refused(tmp_path_factory, data):
    directory = tmp_path_factory.mktemp("mutated")
    write_pair(directory / "pair", [3, 0, 5], documents=[0, 2, 3])
    np.savez(directory / "a.npz", x=np.arange(6).reshape(3, 2), y=np.zeros(3, np.uint8))
    np.save(directory / "a.npy", np.zeros((3, 2), order="F"))
    path = directory / data.draw(st.sampled_from(["pair.idx", "a.npz", "a.npy"]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        convert(path, directory / "out")
    except (ValueError, TypeError) as error:
        assert str(directory) in str(error)
    else:
        assert verify(directory / "out").ok
