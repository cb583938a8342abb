"""The representation of a map, as a line of text and in a notebook."""

import io
import re
import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja._display.format import escape, human_size
from mmap_ninja._display.html import _figure
from mmap_ninja._display.image import thumbnail
from PIL import Image

VOID = {"br", "img"}
MARKUP = "<script>alert('1')</script> & \"x\" '>"


class Page(HTMLParser):
    """Parses HTML, whose tags must be closed in order, into tags, images and text."""

    def __init__(self, html):
        super().__init__()
        self.text, self.images, self._open = "", [], []
        self.tags = set()
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "img":
            self.images.append(decode(dict(attributes)["src"]))
        elif tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += f"{data}\n"


def decode(source):
    return np.asarray(
        Image.open(io.BytesIO(b64decode(source.removeprefix("data:image/png;base64,"), validate=True)))
    )


def show(memmap):
    return Page(memmap._repr_html_())


def noise(*shape, dtype="uint8"):
    return np.random.default_rng(0).integers(0, 256, shape).astype(dtype)


def test_repr_is_one_line_that_describes_the_map(path):
    ragged = RaggedMmap.from_lists(path, [np.zeros(100, "int32")] * 1000)
    assert repr(ragged) == f"RaggedMmap('{path}', 1000 samples, int32, 400.0 kB, mode='r+')"
    texts = StringsMmap.from_strings(path, ["é"])
    assert repr(texts) == f"StringsMmap('{path}', 1 text, 2 B, mode='r+b')"
    assert "2 texts, zstd level 5, " in repr(StringsMmap.from_strings(path, ["a", "b"], zstd_level=5))
    for closed in ragged, texts:
        closed.close()
        assert re.fullmatch(rf"\w+\('{path}', closed, mode='r\+b?'\)", repr(closed))
    assert (
        repr(RaggedMmap("no\nwhere"))
        == "RaggedMmap('no\\nwhere', 0 samples, 0 B, nothing at this path, mode='r')"
    )


def test_nbytes_follows_appends_until_the_map_is_closed(path):
    ragged = RaggedMmap.from_lists(path, [np.zeros(3)])
    ragged.append(np.zeros((2, 2)))
    assert ragged.nbytes == 7 * 8 == RaggedMmap(path).nbytes
    ragged.close()
    with pytest.raises(ValueError, match="closed"):
        _ = ragged.nbytes
    texts = StringsMmap.from_strings(path, ["ab"])
    texts.append("é")
    assert texts.nbytes == 4
    assert StringsMmap.from_strings(path, [""]).nbytes == 0
    assert RaggedMmap.from_lists(path, [[]]).nbytes == 0


def test_images_are_shown_as_they_are(path):
    images = [noise(9, 12, channels) for channels in (1, 3, 4)] + [noise(7, 5)]
    page = show(RaggedMmap.from_lists(path, images))
    for image, shown in zip(images, page.images, strict=True):
        assert np.array_equal(shown, image.squeeze())
    assert "0: 9×12×1\n" in page.text


def test_large_images_are_shown_small_and_keep_their_proportions(path):
    image = np.repeat(np.repeat(noise(2, 4, 3), 500, 0), 500, 1)
    (shown,) = show(RaggedMmap.from_lists(path, [image])).images
    assert shown.shape == (48, 96, 3)
    assert np.array_equal(shown[12::24, 12::24], image[250::500, 250::500])


def test_huge_images_are_subsampled():
    image = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (10_000, 1_000_000, 3))  # 30 GB
    assert thumbnail(image, 96).shape == (1, 96, 3)
    assert decode(re.search("src='([^']+)'", _figure(0, image))[1]).shape == (1, 96, 3)


@pytest.mark.parametrize(
    ("array", "shown"),
    [
        (np.array([[True, False]]), [[255, 0]]),
        (np.array([[[0.0], [1.0], [0.5]]], np.float32), [[0, 255, 128]]),
        (np.array([[[0], [4095], [1024]]], np.uint16), [[0, 255, 64]]),
        (np.array([[[0], [4095], [1024]]], ">u2"), [[0, 255, 64]]),
        (np.array([[[0], [0]]], np.uint16), [[0, 0]]),
    ],
)
def test_images_of_other_dtypes_are_shown(path, array, shown):
    (found,) = show(RaggedMmap.from_lists(path, [array])).images
    assert found.tolist() == shown


@pytest.mark.parametrize(
    "array",
    [
        np.full((2, 2), 0.5),
        np.ones((2, 2), np.uint16),
        np.full((2, 2, 3), 1.5),
        np.full((2, 2, 3), np.nan),
        np.ones((2, 2, 3), np.int64),
        np.ones((2, 2, 2), np.uint8),
    ],
)
def test_other_arrays_are_shown_as_numbers(path, array):
    assert show(RaggedMmap.from_lists(path, [array])).images == []


def test_the_wrapper_is_not_applied(path):
    def fail(sample):
        raise AssertionError

    RaggedMmap.from_lists(path, [noise(4, 4)] * 2)
    assert len(show(RaggedMmap(path, wrapper_fn=fail)).images) == 2


def test_arrays_are_shown_by_shape_and_first_elements(path):
    page = show(
        RaggedMmap.from_lists(path, [np.arange(6.0).reshape(2, 3), np.arange(100.0), np.float64(0.25)])
    )
    assert page.images == []
    for text in (
        "3 samples · float64 · 856 B",
        "(2, 3)\n[0. 1. 2. 3. 4. 5.]",
        "(100,)\n[ 0.  1.",
        "...]",
        "()\n0.25",
    ):
        assert text in page.text


def test_few_samples_are_shown_and_the_others_counted(path):
    assert "and 1,995 more" in show(RaggedMmap.from_lists(path, [[1, 2]] * 2000)).text
    assert "and 12 more" in show(RaggedMmap.from_lists(path, [noise(3, 3)] * 20)).text
    page = show(StringsMmap.from_strings(path, [f"text {n}" for n in range(7)]))
    assert "text 4\nand 2 more" in page.text
    assert "more" not in show(StringsMmap.from_strings(path, ["a"])).text


def test_maps_without_samples_are_shown(path):
    assert "0 samples · 0 B" in show(RaggedMmap(path)).text
    assert "0 texts · 0 B" in show(StringsMmap(path)).text
    ragged = RaggedMmap.from_lists(path, [[1]])
    ragged.close()
    assert "closed\n" in show(ragged).text
    assert "samples" not in show(ragged).text


@given(st.text())
def test_nothing_in_texts_becomes_markup(fresh, text):
    page = show(StringsMmap.from_strings(fresh(), [MARKUP + text]))
    assert page.tags <= {"div", "b", "code", "br", "span", "table", "tr", "td"}
    assert MARKUP in page.text


@pytest.mark.parametrize("name", [MARKUP.replace("/", ""), "a\nb", "€" * 70])
def test_nothing_in_names_becomes_markup(tmp_path, name):
    page = show(RaggedMmap.from_lists(tmp_path / name, np.array([["<b>x</b>"]])))
    assert page.text.count("<b>x</b>") == 1
    assert not page.tags & {"script", "x"}
    named = np.zeros((1, 2), [("<i>", "i4")])
    assert "i" not in show(RaggedMmap.from_lists(tmp_path / "named", named)).tags


def test_long_texts_are_truncated_and_the_longest_not_read(path):
    texts = StringsMmap.from_strings(path, ["é" * 1000, "a" * (65 << 20), "b" * 200], zstd_level=1)
    page = show(texts)
    assert "é" * 200 + "…" in page.text
    assert "(a long text)" in page.text
    assert "b" * 200 + "\n" in page.text
    assert len(texts._repr_html_()) < 5000


def test_damaged_samples_are_reported_and_others_shown(path):
    RaggedMmap.from_lists(path, [noise(4, 4), noise(5, 5), noise(6, 6)])
    shapes = path / "shapes" / "data.ninja"
    shapes.write_bytes(np.array([4, 4, -5, 2**62, 6, 6]).tobytes())
    text = show(RaggedMmap(path)).text
    assert "sample 1" in text
    assert "(6, 6)" in text

    StringsMmap.from_strings(path, ["one", "two"])
    (path / "data.ninja").write_bytes(b"\xff\xffetwo")
    page = show(StringsMmap(path))
    assert "UTF-8" in page.text
    assert "two" in page.text


def test_large_elements_are_not_shown(path):
    page = show(RaggedMmap.from_lists(path, [np.zeros(2, "S100000")]))
    assert "(large elements)" in page.text


def test_records_are_a_table_of_thumbnails_texts_and_numbers(path):
    columns = {
        "image": [noise(9, 12, 3)] * 7,
        "name": [f"{MARKUP}{n}" for n in range(7)],
        "label": range(7),
        "boxes": [[[1, 2, 3, 4]]] * 7,
    }
    page = show(RecordsMmap.from_columns(path, columns))
    assert "7 records · image, name, label, boxes · " in page.text
    assert "image\nname\nlabel\nboxes\n" in page.text
    assert len(page.images) == 5
    assert np.array_equal(page.images[0], noise(9, 12, 3))
    assert f"4\n{MARKUP}4\n4\n(1, 4) [1 2 3 4]\nand 2 more" in page.text
    assert page.tags <= {"div", "b", "code", "br", "span", "table", "tr", "td", "img"}


def test_many_fields_are_counted(path):
    page = show(RecordsMmap.from_columns(path, {f"field {n}": [n] for n in range(30)}))
    assert "field 11\n" in page.text
    assert "and 18 more fields" in page.text


def test_records_that_cannot_be_shown_say_why(path):
    RecordsMmap.from_columns(path, {"name": ["one", "two"], "label": [3, 5]})
    (path / "name" / "data.ninja").write_bytes(b"\xff\xffetwo")
    text = show(RecordsMmap(path)).text
    assert "UTF-8" in text
    assert "two\n5\n" in text
    assert "0 records · 0 B" in show(RecordsMmap(path / "nothing")).text
    records = RecordsMmap(path)
    records.close()
    assert "closed\n" in show(records).text


def test_an_error_falls_back_to_the_text(path, monkeypatch):
    ragged = RaggedMmap.from_lists(path, [[1]])
    monkeypatch.setattr("mmap_ninja._display.html.render", lambda memmap: 1 / 0)
    assert ragged._repr_html_() is None


def test_the_package_does_not_import_display_or_command_line():
    code = (
        "import mmap_ninja, sys;"
        "print([m for m in sys.modules if m.startswith(('mmap_ninja._display', 'mmap_ninja.cli', 'argparse'))])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"


@given(st.integers(0, 2**63))
def test_sizes_have_four_digits_at_most(n_bytes):
    shown = re.fullmatch(r"(\d{1,3}(?:\.\d)?) ([kMGTPE]?B)", human_size(n_bytes))
    scale = 1000 ** ["B", "kB", "MB", "GB", "TB", "PB", "EB"].index(shown[2])
    assert float(shown[1]) * scale == pytest.approx(n_bytes, rel=0.051)


@given(st.text())
def test_escaped_texts_can_be_printed(text):
    assert escape(text).isprintable()
    assert not text.isprintable() or escape(text) == text


@given(st.integers(1, 600), st.integers(1, 600), st.sampled_from([0, 1, 3, 4]), st.integers(1, 40))
def test_thumbnails_fit_and_stay_within_the_range_of_the_image(height, width, channels, side):
    image = noise(height, width, channels) if channels else noise(height, width)
    small = thumbnail(image // 2 + 60, side)
    assert max(small.shape[:2]) <= side
    assert max(small.shape[:2]) == min(side, max(height, width))
    assert small.shape[2] == max(1, channels)
    assert small.min() >= 60
    assert small.max() <= 187
