"""What stands on the page, in its order."""

from dataclasses import dataclass

from benchmarks.contenders import BARE, ORIGINAL, OURS, SUBCLASS
from benchmarks.pages.charts import Chart
from benchmarks.pages.tables import ByWhat, ByWho
from benchmarks.suites import (
    access,
    batches,
    building,
    cold,
    conversion,
    growing,
    headline,
    instructions,
    items,
    opening,
    rust,
    scale,
    training,
)
from benchmarks.suites.items import KINDS


@dataclass(frozen=True)
class Section:
    """A heading, what there is to say, tables, and a chart."""

    name: str
    suite: str
    title: str
    text: str
    tables: tuple[ByWho | ByWhat, ...]
    chart: Chart | None = None


CYRILLIC = (*KINDS, "Cyrillic texts")


def columns(names, unit: str) -> tuple[tuple[str, str, str], ...]:
    """A column for each name, which says the unit."""
    return tuple((f"{name} ({unit})", name, unit) for name in names)


def panels(names, unit: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((name, name, unit) for name in names)


ITEMS = Section(
    "items",
    items.SUITE,
    "One item by a random index",
    "Warm; nothing is done with the item. The loop around it is a part of all figures (see the list in memory). Peers "
    "are used as their manuals recommend, and give the sample as a NumPy array or a `str`. The bare C view does "
    "nothing but make that object: no check, no life time to care for. In brackets: times the bare C view.",
    (ByWho(items.SUITE, columns(CYRILLIC, "ns"), relative_to=BARE),),
    Chart(items.SUITE, "One item by a random index", panels(KINDS, "ns")),
)
ACCESS = Section(
    "access",
    access.SUITE,
    "The ways to items",
    "Nanoseconds an item. Slices, lists and index arrays hold 1,000 items or all there are.",
    (ByWhat(access.SUITE, "ns", (BARE, OURS, SUBCLASS, ORIGINAL)),),
)
INSTRUCTIONS = Section(
    "instructions",
    instructions.SUITE,
    "Instructions of an item",
    "Counted by callgrind, as the difference between a long and a short run of the same loop; the interpreter's "
    "own share is in all rows.",
    (ByWho(instructions.SUITE, columns(KINDS, "instructions"), relative_to=BARE),),
)
RUST = Section(
    "rust",
    rust.SUITE,
    "The Rust side",
    "Medians of criterion (`cargo bench`). `Strings::get` checks that the bytes are UTF-8.",
    (ByWhat(rust.SUITE, "ns", (rust.WHO,), caption="Nanoseconds:"),),
)
OPENING = Section(
    "opening",
    opening.SUITE,
    "Opening",
    "A small map, again and again; a map of 100 million samples in sparse files, once in a new process; and what an "
    "open map of all sequences costs a process and its workers.",
    (
        ByWho(opening.SUITE, columns([f"{opening.SMALL} {kind}" for kind in KINDS], "µs")),
        ByWho(
            opening.SUITE,
            (
                (f"{opening.HUGE_MAP} (ms)", opening.HUGE_MAP, "ms"),
                (f"{opening.HUGE_MAP} (MB)", opening.HUGE_MAP, "MB"),
                ("file descriptors", opening.HANDLE, "descriptors"),
                ("pickle (bytes)", opening.HANDLE, "bytes pickled"),
            ),
        ),
    ),
)
BATCHES = Section(
    "batches",
    batches.SUITE,
    "Batches",
    "Warm, by random indices. The loops over samples in memory need no file at all: a list of arrays, "
    "`np.concatenate` or a loop of assignments into `np.zeros`. The row that does not look for cold pages is `gather` "
    "with that question to the kernel taken out, and so tells what the question costs.",
    tuple(ByWho(batches.SUITE, columns([what], "µs")) for what, *_ in batches.TABLE),
    Chart(
        batches.SUITE,
        "Batches",
        panels([what for what, *_ in batches.TABLE[:4]], "µs"),
    ),
)
TRAINING = Section(
    "training",
    training.SUITE,
    "One shuffled epoch",
    "All sequences in batches of 256, padded; nothing is done with a batch.",
    (ByWho(training.SUITE, columns((training.LOOP, training.LOADER), "sequences a second")),),
    Chart(
        training.SUITE,
        "One shuffled epoch: more is better",
        panels((training.LOOP, training.LOADER), "sequences a second"),
    ),
)
COLD = Section(
    "cold",
    cold.SUITE,
    "Samples that are not in memory",
    "The page cache is emptied of the data before each measurement; then random batches, of 256 samples of 2 kB in a "
    "file larger than what is read of it, or of 32 images. Each way ends with a copy of the samples in the process's "
    "own memory. In brackets: times the items one by one of a map opened with the default.",
    (
        ByWho(
            cold.SUITE,
            tuple(
                (f"{what} ({unit})", what, unit)
                for what in (cold.SMALL, cold.IMAGES)
                for unit in ("µs", "kB read")
            ),
            relative_to=cold.PLAIN,
        ),
    ),
    Chart(cold.SUITE, "Cold pages: a random sample from the disk", panels((cold.SMALL, cold.IMAGES), "µs")),
)
BUILDING = Section(
    "building",
    building.SUITE,
    "Building",
    "From samples in memory. The first table counts until the call returns, the second until everything is on the "
    "disk: some sync by themselves, most leave it to the system. The memory is the peak of what the process gained "
    "during the build, pages of mapped files included. A plain write is the bytes of all samples in one file.",
    (
        ByWho(building.SUITE, columns(KINDS, "s"), caption="Until the call returns:"),
        ByWho(building.SUITE, columns(KINDS, "s with sync"), caption="Until it is on the disk:"),
        ByWho(building.SUITE, columns(KINDS, "MB"), caption="Memory:"),
        ByWho(
            building.SUITE,
            tuple(
                (f"{what} ({unit})", what, unit)
                for what in (building.ZSTD, building.ZSTD_DICTIONARY)
                for unit in ("s", "MB")
            ),
            caption="Compressed:",
        ),
    ),
    Chart(building.SUITE, "Building from samples in memory", panels(KINDS, "s")),
)
CONVERSION = Section(
    "conversion",
    conversion.SUITE,
    "Conversions",
    "Images from a generator that computes as long as the writing takes; sequences from something indexed that "
    "computes for 5 ms each, alone and in two processes; and four maps of images joined into one, beside a copy of "
    "their files.",
    (
        ByWho(
            conversion.SUITE,
            tuple(
                (unit, conversion.SLOW, unit) for unit in ("s writing", "s generating", "s both", "% lost")
            ),
            caption=f"{conversion.SLOW.capitalize()}:",
        ),
        ByWho(conversion.SUITE, columns((conversion.JOBS,), "s")),
        ByWho(conversion.SUITE, columns((conversion.JOINED,), "s")),
    ),
)
SCALE = Section(
    "scale",
    scale.SUITE,
    "Large data sets",
    "From a generator of int32 sequences, 10,000 in a batch: many small ones, and 6 GB.",
    (
        ByWho(
            scale.SUITE,
            tuple((f"{what} ({unit})", what, unit) for what, *_ in scale.TABLE for unit in ("s", "MB")),
        ),
    ),
)
GROWING = Section(
    "growing",
    growing.SUITE,
    "Appending one sample",
    "Microseconds, on a handle that has appended before.",
    (ByWhat(growing.SUITE, "µs", (OURS, ORIGINAL)),),
)
HEADLINE = Section(
    "headline",
    headline.SUITE,
    "Photographs and source files",
    "The two tables by which the original introduces itself: crops of the photographs that come with scikit-image, "
    "from JPEG files, and the source files of Python's standard library. An iteration obtains every sample and reads "
    "all of it. Memory is what the process has gained for itself, mapped what it shares with others and the system "
    "takes back when it needs it.",
    tuple(
        ByWho(
            headline.SUITE,
            tuple((unit, kind, unit) for unit, _ in headline.UNITS.values()),
            caption=f"{kind.capitalize()}:",
        )
        for kind in headline.FILES
    ),
    Chart(
        headline.SUITE,
        "Photographs and source files: one pass in random order",
        tuple((kind, kind, "ms shuffled") for kind in headline.FILES),
    ),
)
SECTIONS = (
    ITEMS,
    ACCESS,
    INSTRUCTIONS,
    RUST,
    OPENING,
    BATCHES,
    TRAINING,
    COLD,
    BUILDING,
    CONVERSION,
    SCALE,
    GROWING,
    HEADLINE,
)
