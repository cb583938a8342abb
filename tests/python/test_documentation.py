"""The examples that users follow, and those of the docstrings."""

import doctest
import importlib
import inspect
import os
import re
from functools import reduce

import mmap_ninja
import numpy as np
import pages
import pytest
from mmap_ninja import RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja import numpy as np_ninja

MODULES = [
    "",
    "._attrs",
    "._convert",
    "._export",
    "._handle",
    "._display.format",
    "._ragged_batches",
    "._ragged_building",
    "._record_building",
    "._split",
    "._string_building",
    "._verify",
    ".arrow",
    ".base",
    ".cli._stats",
    ".generic",
    ".numpy",
    ".parallel",
    ".plans",
    ".ragged",
    ".ray",
    ".records",
    ".string",
]
EXAMPLES = [
    example
    for module in [importlib.import_module(f"mmap_ninja{name}") for name in MODULES]
    for example in doctest.DocTestFinder(exclude_empty=True).find(module)
    if example.examples
]


def test_the_example_of_images(tmp_path, capsys):
    images = [np.random.default_rng(0).integers(0, 256, (n % 5 + 1, 4, 3), "uint8") for n in range(10)]

    def generate():
        yield from images

    sample_generator, out_dir = generate(), tmp_path / "val_images"
    RaggedMmap.from_generator(
        out_dir=out_dir, sample_generator=sample_generator, batch_size=1024, verbose=True
    )

    val_images = RaggedMmap(out_dir)
    assert np.array_equal(val_images[3], images[3])
    assert len(val_images) == 10
    assert "10" in capsys.readouterr().err


def test_the_example_of_texts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def generate_strs():
        for number in range(200):
            yield f"Newsgroup posting {number}: ünïcode"

    StringsMmap.from_generator(
        out_dir="20newsgroups", sample_generator=generate_strs(), batch_size=4, verbose=True
    )

    texts = StringsMmap("20newsgroups")
    assert texts[123] == "Newsgroup posting 123: ünïcode"
    assert len(texts) == 200
    assert "200" in capsys.readouterr().err


def test_the_example_of_arrays(tmp_path, capsys):
    def simple_gen():
        for number in range(30):
            yield np.full(4, number)

    np_ninja.from_generator(
        out_dir=tmp_path / "generator", sample_generator=simple_gen(), batch_size=4, n=30, verbose=True
    )
    assert "30/30" in capsys.readouterr().err
    memmap = np_ninja.open_existing(tmp_path / "generator")
    assert memmap[:, 0].tolist() == list(range(30))


def test_the_example_of_an_array_that_grows(tmp_path):
    growable = np.arange(400).reshape(100, 4)
    memmap = np_ninja.from_ndarray(tmp_path / "growable", growable)
    np_ninja.extend(memmap, growable[:50] + 1)

    memmap = np_ninja.open_existing(tmp_path / "growable")
    assert memmap[123].tolist() == (growable[23] + 1).tolist()


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_a_docstring_tells_the_truth(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "arrow" in example.name or "_export" in example.name:
        pytest.importorskip("pyarrow")
    if example.name.startswith("mmap_ninja.ray."):
        pytest.skip("they run in tests/ray")
    maps = {each.__name__: each for each in (RaggedMmap, RecordsMmap, StringsMmap)}
    example.globs.update(maps, os=os, np=np, out_dir=tmp_path / "out")
    found = []
    doctest.DocTestRunner().run(example, out=found.append)
    assert not found, "".join(found)


def test_the_docstrings_have_examples():
    assert len(EXAMPLES) >= 8


@pytest.mark.filterwarnings(
    "ignore:.* samples are safe in:RuntimeWarning"
)  # a note, where there are none: Python 3.10
@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_and_show_what_they_say(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if missing := pages.run(page):
        # Large packages that few have; pages on PyTorch and Ray run in tests/torch and tests/ray.
        pytest.skip(f"what needs {missing} was not run: it is not installed")


@pytest.mark.parametrize("cls", [RaggedMmap, RecordsMmap, StringsMmap])
def test_the_reference_has_every_member(cls):
    reference = (pages.ROOT / "docs" / "api.md").read_text("utf-8")
    section = reference.partition(f"autoclass:: {cls.__name__}\n")[2].partition("```")[0]
    listed = set(re.findall(r"auto\w+:: (\w+)", section)) - {"__getitems__"}
    assert listed == {name for name in dir(cls) if not name.startswith("_")}
    assert all(inspect.getdoc(getattr(cls, name)) for name in listed)


def test_the_reference_has_every_name_of_the_package():
    reference = (pages.ROOT / "docs" / "api.md").read_text("utf-8")
    assert not [name for name in set(mmap_ninja.__all__) - {"__version__"} if name not in reference]


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.stem)
def test_the_names_that_a_page_links_to_exist(page):
    for name in re.findall(r"`~mmap_ninja\.([\w.]+)`", page.read_text("utf-8")):
        reduce(getattr, name.split("."), mmap_ninja)


def test_the_programs_of_the_page_on_rust_need_the_crates_that_it_names():
    page = (pages.ROOT / "docs" / "rust.md").read_text("utf-8")
    dependencies = re.findall(r"^(\w+) = ", page, re.MULTILINE)
    programs = re.findall(r"literalinclude} ../(\S+)", page)
    assert len(programs) == 2
    for program in programs:
        code = (pages.ROOT / program).read_text("utf-8")
        assert set(re.findall(r"(?<![:\w])([a-z]\w*)::", code)) <= {"std", *dependencies}


def test_the_links_of_the_readme_lead_somewhere():
    readme, repository = (
        (pages.ROOT / "README.md").read_text("utf-8"),
        "github.com/hristo-vrigazov/mmap.ninja",
    )
    # PyPI and crates.io show it as well, where a path leads nowhere.
    assert not re.findall(r"\]\((?!https://)", readme)
    links = dict(re.findall(rf"^\[([\w-]+)\]: https://{repository}/blob/main/(\S+)$", readme, re.MULTILINE))
    assert len(links) > 10
    assert not [link for link in links.values() if not (pages.ROOT / link).exists()]
    assert set(re.findall(r"\]\[([\w-]+)\]", readme)) <= set(links)
