"""The examples that users follow, and those of the docstrings."""

import doctest
import importlib
import os

import numpy as np
import pytest
from mmap_ninja import RaggedMmap, StringsMmap
from mmap_ninja import numpy as np_ninja

MODULES = ["", "._verify", ".base", ".generic", ".numpy", ".parallel", ".ragged", ".string"]
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
    example.globs.update(os=os, np=np, StringsMmap=StringsMmap, out_dir=tmp_path / "out")
    found = []
    doctest.DocTestRunner().run(example, out=found.append)
    assert not found, "".join(found)


def test_the_docstrings_have_examples():
    assert len(EXAMPLES) >= 8
