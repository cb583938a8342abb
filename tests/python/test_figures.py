"""The figures on the pages, beside those that were measured."""

import json
import re
import runpy
from statistics import median

import pages
import pytest

RESULTS = json.loads((pages.ROOT / "docs" / "benchmarks" / "results.json").read_text("utf-8"))
OURS, ORIGINAL = "this library", "the original"


def measured(suite, what, who=OURS):
    for each in RESULTS["measurements"]:
        if (each["suite"], each["what"], each["who"]) == (suite, what, who):
            return median(each["values"])
    raise LookupError((suite, what, who))


def times(suite, what, who, other):
    return measured(suite, what, other) / measured(suite, what, who)


def item(kind, who=OURS):
    return measured("items", kind, who) / 1000


def below(figure):
    return 0, figure


def about(figure):
    return 0.7 * figure, 1.4 * figure


COLD = "2 kB samples"
LOOP, PADDED = "loop over samples in memory", "256 sequences, padded"
JOINED = "4 maps of images joined"
FIGURES = [
    ("README index images migration", "some 0.1 µs", item("sequences"), about(0.1)),
    ("README index images migration", "some 0.1 µs", item("images"), about(0.1)),
    ("README index migration", "8 to 14 µs", item("sequences", ORIGINAL), about(8)),
    ("README index migration", "8 to 14 µs", item("images", ORIGINAL), about(14)),
    ("index", "0.3 µs, as long as making the `str`", item("texts"), about(0.3)),
    ("texts", "making the `str`: 0.3 µs for 1 kB", item("texts"), about(0.3)),
    ("index", "0.9: 1.8 µs", item("texts", ORIGINAL), about(1.8)),
    ("index", "a tenth of a loop", times("batches", PADDED, f"{OURS}, padded", LOOP), about(10)),
    ("sequences", "ten times as long", times("batches", PADDED, f"{OURS}, padded", LOOP), about(10)),
    (
        "index",
        "a seventh of `np.concatenate`",
        times("batches", "256 sequences, gathered", f"{OURS}, gather", LOOP),
        about(7),
    ),
    (
        "index",
        "some 90 times less than page faults",
        times("cold", COLD, f"{OURS}, gather", f"{ORIGINAL}, items"),
        about(90),
    ),
    ("index", "less than 0.2 ms", measured("opening", "10 images") / 1000, below(0.2)),
    ("index", "0.3 ms for 100 million samples", measured("opening", "100 million samples"), about(0.3)),
    (
        "building",
        "as long as `cp -r` and `sync`",
        times("conversion", JOINED, OURS, "cp -r and sync"),
        about(1),
    ),
    (
        "building",
        "two to three times as long as `cp -r` alone",
        1 / times("conversion", JOINED, OURS, "cp -r"),
        about(2.5),
    ),
    (
        "pytorch",
        "eleven times the throughput",
        times("training", "torch's DataLoader", f"{OURS}, padded", ORIGINAL),
        about(11),
    ),
    ("rust", "`Ragged::get` takes some 10 ns", measured("rust", "Ragged::get, 1-D"), about(10)),
]


@pytest.mark.parametrize(
    ("names", "words", "value", "limits"), FIGURES, ids=[figure[1] for figure in FIGURES]
)
def test_every_figure_in_the_pages_was_measured(names, words, value, limits):
    for name in names.split():
        page = next(page for page in pages.PAGES if page.stem == name)
        assert words in re.sub(r"\s+", " ", page.read_text("utf-8")), name
    assert limits[0] <= value <= limits[1]


def test_the_picture_of_plans_is_what_its_program_draws():
    folder = pages.ROOT / "docs" / "pictures"
    assert runpy.run_path(folder / "batches.py")["picture"]() == (folder / "batches.svg").read_text("utf-8")


@pytest.mark.parametrize("program", ["cluster", "front", "sequences"])
def test_the_pictures_are_what_their_programs_draw_from_the_results(program, monkeypatch):
    folder = pages.ROOT / "docs" / "pictures"
    monkeypatch.syspath_prepend(folder)
    for name, draw in runpy.run_path(folder / f"{program}.py")["PICTURES"].items():
        assert draw() == (folder / name).read_text("utf-8")
