"""`convert` of WebDataset's shards."""

import io
import json
import os
import tarfile

import numpy as np
import pytest
from conftest import tree
from hypothesis import given, settings
from hypothesis import strategies as st
from mmap_ninja import RecordsMmap, convert, verify
from mmap_ninja._convert.webdataset import raw_samples
from PIL import Image
from shell import image


def encoded(array):
    """The bytes of an .npy file, or of an image if the array is one."""
    buffer = io.BytesIO()
    if array.dtype == np.uint8:
        Image.fromarray(array).save(buffer, "png")
    else:
        np.save(buffer, array)
    return buffer.getvalue()


def sample(number):
    return {
        "png": encoded(image(4, 3 + number % 3, 3, seed=number)),
        "npy": encoded(np.arange(number % 4, dtype=np.int16)),
        "cls": b"%d\n" % (number % 5),
        "txt": f"text {number}".encode(),
        "json": json.dumps(
            {"label": number, "box": [[1.5, 2]] * (number % 2), "text": "é", "none": None}
        ).encode(),
        "mp3": bytes([number]) * 3,
    }


def write_tar(path, samples, format=tarfile.USTAR_FORMAT):
    """A tar of samples by their keys; where each member begins."""
    starts = {}
    with tarfile.open(path, "w", format=format) as tar:
        for key, parts in samples.items():
            for extension, content in parts.items():
                info = tarfile.TarInfo(f"{key}.{extension}")
                info.size = len(content)
                starts[info.name] = tar.offset
                tar.addfile(info, io.BytesIO(content))
    return starts


def check(records, numbers):
    assert records["__key__"][:] == [f"a.b/{number:03}" for number in numbers]
    for record, number in zip(records, numbers, strict=True):
        assert np.array_equal(record["png"], image(4, 3 + number % 3, 3, seed=number))
        assert record["npy"].tolist() == list(range(number % 4))
        assert record["npy"].dtype == np.int16
        assert (record["cls"], record["txt"]) == (number % 5, f"text {number}")
        assert json.loads(record["json"])["label"] == number
        assert record["mp3"].tobytes() == bytes([number]) * 3


@pytest.mark.parametrize("threads", [1, 3])
def test_samples_become_records_value_for_value(tmp_path, out, threads):
    numbers = {"2": range(20), "10": range(20, 30)}
    for part, found in numbers.items():
        samples = {f"a.b/{number:03}": sample(number) for number in found}
        write_tar(tmp_path / f"{part}.tar", samples, tarfile.PAX_FORMAT)
    check(convert(tmp_path / "*.tar", out, n_threads=threads), range(30))
    assert verify(out).ok


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # It leaves files open.
def test_shards_of_the_package_webdataset_come_in(tmp_path, out):
    webdataset = pytest.importorskip("webdataset")
    with webdataset.TarWriter(str(tmp_path / "a.tar")) as writer:
        for number in range(20):
            values = {
                "png": image(4, 5, 3, seed=number),
                "cls": number,
                "txt": str(number),
                "json": {"a": number},
            }
            writer.write({"__key__": f"{number:03}", "npy": np.full(number, number), **values})
    records = convert(tmp_path / "a.tar", out, fields=["png", "cls", "txt", "json.a", "npy"])
    theirs = webdataset.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False).decode("rgb8")
    for record, expected in zip(records, theirs, strict=True):
        assert record["__key__"] == expected["__key__"]
        assert np.array_equal(record["png"], expected["png"])
        assert np.array_equal(record["npy"], expected["npy"])
        assert (record["cls"], record["txt"], record["json.a"]) == (
            expected["cls"],
            expected["txt"],
            expected["json"]["a"],
        )


def test_fields_reach_into_json_and_images_can_be_dense(tmp_path, out, run):
    write_tar(tmp_path / "a.tar", {str(number): sample(number) for number in range(4)})
    fields = "png,json.label,json.box,json.text"
    options = "--fields", fields, "--mode", "L", "--size", "5x6", tmp_path / "a.tar", out
    assert run("convert", "--dry-run", *options)[1].splitlines()[1:] == [
        "__key__     string",
        "png         numpy   uint8     (6, 5)",
        "json.label  numpy   int64    scalars",
        "json.box    ragged  float64",
        "json.text   string",
    ]
    assert run("convert", *options)[0] == 0
    records = RecordsMmap(out)
    assert records["png"].shape == (4, 6, 5)
    assert records["json.label"].tolist() == [0, 1, 2, 3]
    assert records["json.box"][1].tolist() == [[1.5, 2.0]]
    assert records["json.text"][0] == "é"
    with pytest.raises(ValueError, match=r"sample '0', .json.none is null, which no field can hold"):
        convert(tmp_path / "a.tar", out, fields=["json.none"], overwrite=True)
    with pytest.raises(ValueError, match="sample '0' has no .jpg"):
        convert(tmp_path / "a.tar", out, fields=["jpg"], overwrite=True)


BROKEN = [
    ({"txt": None}, "has no .txt, unlike the first sample"),
    ({"flac": b""}, "has .flac, unlike the first sample"),
    ({"png": b"no image"}, r".png: cannot read this image"),
    ({"npy": b"no array"}, r".npy: cannot read this array"),
    ({"npy": encoded(np.zeros(3))}, ".npy is of the type float64, but int16 in the first sample"),
    ({"cls": b"cat"}, ".cls is not an integer: 'cat'"),
    ({"cls": b"9" * 30}, "beyond int64"),
    ({"txt": b"\xff"}, "not valid UTF-8"),
]


def broken(number, changed):
    return {name: part for name, part in (sample(number) | changed).items() if part is not None}


@pytest.mark.parametrize(("changed", "reason"), BROKEN)
def test_a_member_that_cannot_be_read_is_named(tmp_path, out, changed, reason):
    write_tar(tmp_path / "a.tar", {"a.b/000": sample(0), "a.b/001": broken(1, changed)})
    with pytest.raises(ValueError, match=rf"a.tar: sample 'a.b/001'.*{reason}"):
        convert(tmp_path / "a.tar", out)
    assert os.listdir(tmp_path) == ["a.tar"]


def test_samples_that_cannot_be_read_are_skipped(tmp_path, out):
    samples = {}
    for number, (changed, _) in enumerate(BROKEN):
        samples[f"a.b/{2 * number:03}"] = sample(2 * number)
        samples[f"a.b/{2 * number + 1:03}"] = broken(2 * number + 1, changed)
    write_tar(tmp_path / "a.tar", samples)
    with pytest.warns(RuntimeWarning, match="skipped") as caught:
        check(convert(tmp_path / "a.tar", out, on_error="skip"), range(0, 2 * len(BROKEN), 2))
    for warning, (_, reason) in zip(caught, BROKEN, strict=True):
        assert reason in str(warning.message)


@pytest.mark.parametrize("damage", ["cut in a member", "cut in a header", "broken header"])
def test_a_damaged_tar_is_never_taken_for_a_short_one(tmp_path, out, run, damage):
    for part in range(3):
        numbers = range(10 * part, 10 * part + 10)
        samples = {f"{number:03}": {"cls": b"%d" % number, "txt": bytes(600)} for number in numbers}
        starts = write_tar(tmp_path / f"{part}.tar", samples)
    convert(tmp_path / "?.tar", tmp_path / "whole")
    broken = tmp_path / "2.tar"
    content = broken.read_bytes()
    start = starts["025.txt"]
    if damage == "broken header":
        broken.write_bytes(content[:start] + b"?" + content[start + 1 :])
    else:
        broken.write_bytes(content[: start + (600 if damage.endswith("member") else 100)])
    status, _, err = run("convert", tmp_path / "?.tar", out)
    safe, error = err.splitlines()
    assert status == 1
    assert "16 samples of an unfinished build are safe in" in safe
    assert "2.tar: " in error
    assert "after the member '025.cls'" in error
    with pytest.warns(RuntimeWarning, match=r"skipped .*2.tar: .*after the member"):
        records = convert(tmp_path / "?.tar", tmp_path / "rest", on_error="skip")
    assert records["cls"].tolist() == list(range(25))
    broken.write_bytes(content)
    assert run("convert", "--resume", tmp_path / "?.tar", out)[0] == 0
    assert tree(out) == tree(tmp_path / "whole")


def test_other_samples_are_not_resumed(tmp_path, out, run):
    samples = {f"{number:03}": {"cls": b"1"} for number in range(40)}
    samples["035"] = {"cls": b"?"}
    write_tar(tmp_path / "a.tar", samples)
    assert run("convert", tmp_path / "a.tar", out)[0] == 1
    write_tar(tmp_path / "a.tar", {f"{number:03}": {"cls": b"1"} for number in range(1, 40)})
    assert (
        "sample '000' is stored, but does not follow there now"
        in run("convert", "--resume", tmp_path / "a.tar", out)[2]
    )


def test_members_that_are_no_files_of_samples_are_left_out(tmp_path, out):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in (
            ("dir.x", tarfile.DIRTYPE),
            ("link.cls", tarfile.SYMTYPE),
            ("fifo.cls", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        for name in "noextension", ".hidden", "__meta.x__", "../../escape.cls":
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, io.BytesIO(b"7"))
    records = convert(tmp_path / "a.tar", out)
    assert records[:] == [{"__key__": "../../escape", "cls": 7}]
    assert sorted(os.listdir(tmp_path)) == ["a.tar", "out"]


@pytest.mark.parametrize("size", [2**62, -512])
def test_a_size_beyond_the_file_is_refused_before_anything_is_read(tmp_path, size):
    info = tarfile.TarInfo("a.cls")
    info.size = size
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    with pytest.raises(ValueError, match="a.tar: .*size|a.tar: .*more than there are"):
        list(raw_samples(str(tmp_path / "a.tar"), None))


@settings(max_examples=60)
@given(data=st.data())
def test_mutated_tars_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("mutated") / "a.tar"
    form = data.draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    write_tar(path, {"é" * 120: {"txt": b"one"}, "b": {"txt": b"two"}}, form)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 4096))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        for found in raw_samples(str(path), None):
            assert sum(map(len, found.parts.values())) <= len(content)
    except ValueError as error:
        assert str(path) in str(error)
