"""The sections of the page, in order."""

from dataclasses import dataclass

from benchmarks.contenders import BARE, BARE_RECORDS, ORIGINAL, OURS, SUBCLASS
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
    large,
    loading,
    opening,
    plans,
    records,
    rust,
    scale,
    training,
)
from benchmarks.suites.items import KINDS


@dataclass(frozen=True)
class Section:
    """A heading, an explanation, tables, and a chart."""

    name: str
    suite: str
    title: str
    text: str
    tables: tuple[ByWho | ByWhat, ...]
    chart: Chart | None = None


CYRILLIC = (*KINDS, "Cyrillic texts")
COLD_ARRAYS, COLD_OTHERS = (cold.SMALL, cold.IMAGES), (cold.TEXTS, cold.RECORDS)


def columns(names, unit: str) -> tuple[tuple[str, str, str], ...]:
    """A column for each name, with the unit in its header."""
    return tuple((f"{name} ({unit})", name, unit) for name in names)


def panels(names, unit: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((name, name, unit) for name in names)


ITEMS = Section(
    "items",
    items.SUITE,
    "One item by a random index",
    "The data are in the page cache, and the item is read but not used. All figures include the loop itself, whose cost "
    "the list in memory shows. Other libraries are used as their manuals recommend, and return the sample as a NumPy "
    "array or a `str`. The bare C view only creates that object, without any check or management of lifetimes. In "
    "brackets: the ratio to the bare C view.",
    (ByWho(items.SUITE, columns(CYRILLIC, "ns"), relative_to=BARE),),
    Chart(items.SUITE, "One item by a random index", panels(KINDS, "ns")),
)
ACCESS = Section(
    "access",
    access.SUITE,
    "Ways to read items",
    "Nanoseconds per item. Slices, lists and index arrays select 1,000 items, or all if there are fewer.",
    (ByWhat(access.SUITE, "ns", (BARE, OURS, SUBCLASS, ORIGINAL)),),
)
INSTRUCTIONS = Section(
    "instructions",
    instructions.SUITE,
    "Instructions per item",
    "Callgrind counts the instructions of a long and a short run of the same loop, and the table shows the difference. "
    "All rows include the interpreter's share.",
    (ByWho(instructions.SUITE, columns(KINDS, "instructions"), relative_to=BARE),),
)
RUST = Section(
    "rust",
    rust.SUITE,
    "Rust",
    "Medians from criterion (`cargo bench`). `Strings::get` includes the check that the bytes are UTF-8.",
    (ByWhat(rust.SUITE, "ns", (rust.WHO,), caption="Nanoseconds:"),),
)
OPENING = Section(
    "opening",
    opening.SUITE,
    "Opening",
    "The first table opens a small map again and again. The second opens a map of 100 million samples in sparse files "
    "once, in a new process, and shows the file descriptors and the pickle of an open map of all sequences.",
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
    "The data are in the page cache, and the indices are random. The loops over samples in memory use no files: they "
    "take a list of arrays and call `np.concatenate`, or assign each array into `np.zeros`. The row that does not look "
    "for cold pages is `gather` without the question to the kernel whether the batch is in memory, and so shows what "
    "the question costs. Lance and Vortex read the rows of the batch by their numbers.",
    tuple(ByWho(batches.SUITE, columns([what], "µs")) for what, *_ in batches.TABLE),
    Chart(
        batches.SUITE,
        "Batches",
        panels([what for what, *_ in batches.TABLE[:4]], "µs"),
    ),
)
PLANS = Section(
    "plans",
    plans.SUITE,
    "Plans",
    f"Plans for 10 million samples from their lengths, which are at most 100,000: rows of {plans.ROW} elements with long "
    "samples split, batches of at most a million elements with their padding, and windows across samples. Then batches "
    "that they plan are read from a map in the page cache, the plan's item included. The loop over samples in memory "
    "takes the item from a list and calls `np.concatenate` or `np.stack`.",
    (
        ByWho(
            plans.SUITE,
            tuple(
                (f"{what} ({unit})", what, unit)
                for what in (plans.LOG_NORMAL, plans.ZIPF)
                for unit in ("s", "% filled")
            ),
        ),
        ByWho(plans.SUITE, columns((plans.PACKED, plans.SLICES), "µs")),
    ),
)
RECORDS = Section(
    "records",
    records.SUITE,
    "Records",
    "Records of three fields: 8 to 500 uint16 tokens, an int64 label and a text of 24 characters. A record is read as a "
    "dict by a random index; the bare C dict is created from the same bytes without any check. A batch is the tokens "
    "padded, the labels as an array and the texts as a list; where a library does not pad, a loop does it. An append goes to "
    "a handle that has appended before. Hugging Face `datasets` cannot append to a dataset that it has saved, and its build "
    "includes saving. The dict of three maps is what one would write without records: three maps that are appended to "
    "one after another, so that a crash leaves them of different lengths. In brackets: the ratio to the bare C dict.",
    (
        ByWho(records.SUITE, columns([records.ITEM], "ns"), relative_to=BARE_RECORDS),
        ByWho(
            records.SUITE,
            (
                *columns([records.BATCH, records.APPEND], "µs"),
                *columns([records.OPEN], "ms"),
                *columns([records.BUILD], "s"),
            ),
        ),
    ),
    Chart(
        records.SUITE,
        "Records of three fields",
        (
            *panels([records.ITEM], "ns"),
            *panels([records.BATCH, records.APPEND], "µs"),
            *panels([records.BUILD], "s"),
        ),
    ),
)
TRAINING = Section(
    "training",
    training.SUITE,
    "One shuffled epoch",
    "All sequences are read in padded batches of 256. The batches are not used. PyTorch's DataLoader collects items and pads "
    "them, hands whole batches of indices to `padded`, or takes a `Loader` as its dataset. The newest PyTorch is that of "
    "`make test-torch-newest`, with the newest NumPy.",
    (
        ByWho(
            training.SUITE, columns((training.LOOP, training.LOADER, training.NEWEST), "sequences a second")
        ),
    ),
    Chart(
        training.SUITE,
        "One shuffled epoch: more is better",
        panels((training.LOOP, training.LOADER), "sequences a second"),
    ),
)
LARGE = Section(
    "large",
    large.SUITE,
    "Millions of small samples in memory",
    f"Int32 samples of 8 to 15 elements in random order; batches are of {large.BATCH}. The index of the large map alone is "
    "much larger than the caches of the processor, so nearly every sample costs cache misses: where it starts and ends, "
    "then its elements. The bare C loads read these two positions and two elements, and do nothing else. In their first row "
    "each sample waits for the one before; in their second the processor loads several samples at once. Items are views: "
    "reading them does not touch the elements. In brackets: the ratio to the C loads that wait.",
    (ByWho(large.SUITE, columns([what for what, _ in large.TABLE], "ns"), relative_to=large.CHAINED),),
    Chart(
        large.SUITE, "Millions of small samples in memory", panels([what for what, _ in large.TABLE], "ns")
    ),
)


def cold_tables(kinds: tuple[str, ...], of: str) -> tuple[ByWho, ByWho]:
    """One with the read-ahead that the disk has, one with Linux's default."""

    def table(whats: list[str], caption: str) -> ByWho:
        return ByWho(
            cold.SUITE,
            tuple(
                (f"{kind} ({unit})", what, unit)
                for kind, what in zip(kinds, whats, strict=True)
                for unit in ("µs", "kB read")
            ),
            relative_to=cold.PLAIN,
            caption=caption,
        )

    return (
        table(list(kinds), f"{of}, with the read-ahead of this disk:"),
        table(
            list(map(cold.with_default, kinds)),
            f"{of}, with a read-ahead of {cold.DEFAULT_READ_AHEAD} kB, Linux's default:",
        ),
    )


COLD = Section(
    "cold",
    cold.SUITE,
    "Samples that are not in memory",
    "The data are dropped from the page cache before each measurement; where each sample starts and ends is in memory. Then "
    "random batches are read: 256 samples of 2 kB, texts or records from files larger than the part that is read, or 32 images. "
    "A record has 2 kB of tokens, a label of 8 bytes and a text of 24. Every method ends with the samples in the process's own "
    "memory: arrays of single samples are copied to where others were before, as direct I/O does, while `gather`, `padded` and "
    "`batch` return new arrays. Direct I/O reads the same blocks past the page cache and shows what the disk gives, with one "
    f"request in flight and with {cold.IN_FLIGHT}. A record counts as the sum of its fields' requests: one request for each "
    "field, from one file after another. Blocks that hold several samples, as those of labels do, are read again for each of "
    "them, while the page cache keeps them. How far the kernel reads ahead is a setting of the disk, which the table of the "
    "machine states; everything is also measured with Linux's default. In brackets: the ratio to reading items one by one "
    "from a dataset opened with the default `access`.",
    (*cold_tables(COLD_ARRAYS, "Arrays"), *cold_tables(COLD_OTHERS, "Texts and records")),
    Chart(
        cold.SUITE, "Cold pages: a random sample from the disk", panels((*COLD_ARRAYS, *COLD_OTHERS), "µs")
    ),
)
BUILDING = Section(
    "building",
    building.SUITE,
    "Building",
    "All builds start from samples in memory. The first table shows the time until the call returns, and the second the "
    "time until everything is on the disk: some libraries sync themselves, most leave that to the system. The third "
    "shows the peak of the memory that the process gained during the build, including pages of mapped files. A plain "
    "write puts the bytes of all samples into one file. With `durability='full'`, a build syncs what it writes before it "
    "returns, so compare it with the plain write and sync. The last table stores one array of values and their offsets; the "
    "plain write puts as many bytes into as many files as the map has columns, each in one call.",
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
        ByWho(
            building.SUITE,
            tuple((unit, building.GATHERED, unit) for unit in ("s", "s with sync", "MB")),
            caption=f"{building.GATHERED.replace('from_gathered', '`from_gathered`')}:",
        ),
    ),
    Chart(building.SUITE, "Building from samples in memory", panels(KINDS, "s")),
)
CONVERSION = Section(
    "conversion",
    conversion.SUITE,
    "Conversions",
    "The first table builds a map of images from a generator that computes for as long as the writing takes. The second "
    "builds a map of sequences from an indexable that computes for 5 ms per sample, in one process and in two. The "
    "third joins four maps of images, and compares that with copying their files.",
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
    "Large datasets",
    "A generator yields int32 sequences, 10,000 per batch: once many short ones, and once 6 GB in total.",
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
    "Microseconds, for a handle that has appended before.",
    (ByWhat(growing.SUITE, "µs", (OURS, ORIGINAL)),),
)
HEADLINE = Section(
    "headline",
    headline.SUITE,
    "Photographs and source files",
    "The original introduces itself with these two tables; here they are measured again. The images are JPEG crops of "
    "the photographs that come with scikit-image, and the texts are the source files of Python's standard library. Each "
    "iteration reads every byte of every sample. Memory is what the process gained for itself. Mapped memory is shared "
    "with other processes, and the system reclaims it when needed.",
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
LOADING = Section(
    "loading",
    loading.SUITE,
    "Loaders",
    f"Shuffled batches of {loading.BATCH} padded sequences. The consumer computes for as long as `padded` takes for a batch; the "
    "ratio is to the longer of the two. The cold samples are those of the next section, dropped from the page cache, and "
    f"every measurement reads others; direct I/O reads the blocks of as many samples in {cold.IN_FLIGHT} threads. The "
    "first batch is counted from the end of the import, and includes opening the map and making the loader. The billion "
    "samples are a sparse file; what is measured begins with an open map and ends with the first batch. The last table is "
    "what a process has gained after 100 epochs, ten more having come before.",
    (
        ByWho(
            loading.SUITE,
            tuple((unit, loading.CONSUMED, unit) for unit in ("s", "times the longer")),
            caption=f"An epoch, with {loading.CONSUMED}:",
        ),
        ByWho(
            loading.SUITE,
            (("µs per sample", loading.COLD, "µs"),),
            caption="Samples of 2 kB that are not in memory:",
        ),
        ByWho(
            loading.SUITE,
            tuple((unit, loading.FIRST, unit) for unit in ("ms", "ms of import")),
            caption=f"{loading.FIRST.capitalize()}:",
        ),
        ByWho(
            loading.SUITE,
            tuple((unit, loading.HUGE, unit) for unit in ("ms", "MB")),
            caption=f"{loading.HUGE.capitalize()}:",
        ),
        ByWho(
            loading.SUITE,
            tuple((unit, loading.EPOCHS, unit) for unit in ("MB", "descriptors", "threads")),
            caption=f"After {loading.EPOCHS}:",
        ),
    ),
)
SECTIONS = (
    ITEMS,
    ACCESS,
    INSTRUCTIONS,
    RUST,
    OPENING,
    BATCHES,
    LARGE,
    PLANS,
    RECORDS,
    TRAINING,
    LOADING,
    COLD,
    BUILDING,
    CONVERSION,
    SCALE,
    GROWING,
    HEADLINE,
)
