"""The performance targets of the library, in the order in which the page lists them."""

from benchmarks.contenders import BARE, BARE_RECORDS, MAPS, ORIGINAL, OURS, SUBCLASS
from benchmarks.pages.goals import Outcome, Target, at_least, at_least_times, at_most, at_most_times
from benchmarks.pages.keys import (
    appended,
    batch,
    built,
    cold_sample,
    converted,
    epoch,
    item,
    large_map,
    loaded,
    opened,
    record,
    way,
)
from benchmarks.pages.tables import figure
from benchmarks.results import Key, Results
from benchmarks.suites import (
    access,
    batches,
    building,
    cold,
    conversion,
    growing,
    items,
    large,
    loading,
    opening,
    plans,
    records,
    rust,
    training,
)


def relative_to_bare(kind: str, name: str, who: str = OURS) -> Target:
    """A way to read items should cost at most twice as much as the bare C view of `m[i]`."""
    floor = "creating the same `str` in C" if kind == "texts" else "the bare C view"
    subclass = " through a Python subclass" if who == SUBCLASS else ""
    text = f"`{name}`{subclass} of {kind}: at most 2.0 times {floor}"
    return at_most_times(text, 2.0, way(kind, name, who), way(kind, "m[i]", BARE))


def relative_to_items(kind: str, name: str) -> Target:
    """Reading many items at once should cost at most as much as reading them one by one."""
    text = f"`{name}` of {kind}: at most the cost of reading the items one by one, `{access.EACH}`"
    return at_most_times(text, 1.0, way(kind, name), way(kind, access.EACH))


def cost_of_the_prefetch_check(what: str) -> Target:
    def evaluate(results: Results) -> Outcome | None:
        rest = results.ratio(batch(what, batches.UNASKED), batch(what, batches.GATHER))
        return None if rest is None else Outcome(f"{figure(100 * (1 - rest))} %", rest >= 0.9)

    return Target(
        f"the check whether to prefetch takes at most a tenth of the time of a batch in memory: {what}",
        evaluate,
    )


ITEMS = (
    *(
        at_most_times(f"`m[i]` of {kind}: at most 2.0 times {floor}", 2.0, item(kind, OURS), item(kind, BARE))
        for kind, floor in (
            ("sequences", "the bare C view"),
            ("images", "the bare C view"),
            ("texts", "creating the same `str` in C"),
        )
    ),
    *(
        at_least_times(
            f"`m[i]` of {kind}: at least {limit} times faster than the original",
            limit,
            item(kind, ORIGINAL),
            item(kind, OURS),
        )
        for kind, limit in (("sequences", 50), ("images", 80), ("texts", 5))
    ),
    *(
        relative_to_bare(kind, name, who)
        for kind in items.KINDS
        for name, who in (("m[i]", SUBCLASS), ("m[np.int64(i)]", OURS), ("for x in m", OURS))
    ),
    *(
        relative_to_items(kind, name)
        for kind in items.KINDS
        for name in access.TOGETHER
        if name != access.EACH
    ),
)
OPENING = (
    at_most(
        "opening a map of 100 million samples takes at most 5 ms", 5, opened(opening.HUGE_MAP, OURS, "ms")
    ),
    at_most(
        "opening a map of 100 million samples takes at most 1 MB of memory",
        1,
        opened(opening.HUGE_MAP, OURS, "MB"),
    ),
    *(
        at_least_times(
            f"small maps open at least 4 times faster than with the original: {what}",
            4,
            opened(what, ORIGINAL, "µs"),
            opened(what, OURS, "µs"),
        )
        for what in (f"{opening.SMALL} {kind}" for kind in opening.KINDS)
    ),
    at_most("a read-only map holds no file descriptor", 0, opened(opening.HANDLE, OURS, "descriptors")),
    at_most("a pickle is at most 1 kB", 1000, opened(opening.HANDLE, OURS, "bytes pickled"), unit="bytes"),
)
BATCHES = (
    at_least_times(
        "`padded` of 256 sequences: at least 3 times faster than a NumPy loop over arrays in memory",
        3,
        batch(batches.SEQUENCES_PADDED, batches.IN_MEMORY),
        batch(batches.SEQUENCES_PADDED, batches.PADDED),
    ),
    at_least_times(
        "`gather` of 256 sequences: at least 3 times faster than `np.concatenate` of arrays in memory",
        3,
        batch(batches.SEQUENCES_GATHERED, batches.IN_MEMORY),
        batch(batches.SEQUENCES_GATHERED, batches.GATHER),
    ),
    cost_of_the_prefetch_check(batches.SEQUENCES_GATHERED),
    cost_of_the_prefetch_check(batches.IMAGES_GATHERED),
)
LARGE = (
    at_most(f"`m[i]` of {large.MANY}: at most 1.5 times 120 ns", 180, large_map(large.ITEM)),
    *(
        at_most_times(
            f"`{name}` of {large.MANY}: at most the cost of `m[i]`",
            1.0,
            large_map(who),
            large_map(large.ITEM),
        )
        for name, who in (("m[list]", large.LISTED), ("m[index array]", large.INDEXED))
    ),
    *(
        at_most(f"`{name}` of {large.MANY}: at most 1.5 times 60 ns a sample", 90, large_map(who))
        for name, who in (("gather", large.GATHER), ("padded", large.PADDED))
    ),
)
COLD = (
    at_least_times(
        "cold random 2 kB samples in batches of 256: at least 20 times faster than plain page faults",
        20,
        cold_sample(cold.SMALL, cold.BY_ORIGINAL),
        cold_sample(cold.SMALL, cold.GATHER),
    ),
    *(
        at_most_times(
            f"cold {what}, {who}: at most 1.5 times {floor}",
            1.5,
            cold_sample(what, who),
            cold_sample(what, floor),
        )
        for kind, batched in (
            (cold.SMALL, (cold.GATHER, cold.LISTED, cold.GETITEMS)),
            (cold.IMAGES, (cold.GATHER, cold.LISTED, cold.GETITEMS)),
            (cold.TEXTS, (cold.LISTED, cold.GETITEMS)),
            (cold.RECORDS, (cold.BATCH, cold.LISTED, cold.GETITEMS)),
        )
        for what in (kind, cold.with_default(kind))
        for who, floor in (*((each, cold.DEVICE) for each in batched), (cold.PLAIN, cold.DEVICE_ALONE))
    ),
    *(
        at_most_times(
            f"cold images: never slower than items with the default `access`: {who}",
            1.0,
            cold_sample(cold.IMAGES, who),
            cold_sample(cold.IMAGES, cold.PLAIN),
        )
        for who in (cold.GATHER, cold.PADDED, cold.PREFETCH)
    ),
)
RECORDS = (
    at_most_times(
        "a record of three fields: at most 2.0 times creating the same dict in C",
        2.0,
        record(records.ITEM, "ns"),
        record(records.ITEM, "ns", BARE_RECORDS),
    ),
    at_most("a record of three fields: at most 500 ns", 500, record(records.ITEM, "ns")),
    at_most_times(
        "appending one record: at most 2.0 times an append of its tokens alone",
        2.0,
        record(records.APPEND, "µs"),
        record(records.APPEND, "µs", records.ONE_MAP),
    ),
    at_most("opening records of three fields takes at most 0.5 ms", 0.5, record(records.OPEN, "ms")),
    at_most_times(
        "building records: at most 1.1 times the builds of their fields one after another",
        1.1,
        record(records.BUILD, "s"),
        record(records.BUILD, "s", MAPS),
    ),
)
TRAINING = (
    at_least_times(
        "one shuffled epoch of padded batches of 256 sequences: at least 10 times the original's throughput",
        10,
        epoch(training.LOOP, ORIGINAL),
        epoch(training.LOOP, training.PADDED),
    ),
    at_least_times(
        "the same epoch through PyTorch's DataLoader without workers: at least 10 times the original's throughput",
        10,
        epoch(training.LOADER, ORIGINAL),
        epoch(training.LOADER, training.PADDED),
    ),
)
LOADING = (
    at_most_times(
        "one shuffled epoch of padded batches of 256 sequences by a `Loader`: at most 1.2 times `padded` alone",
        1.2,
        epoch(training.LOOP, training.BY_LOADER),
        epoch(training.LOOP, training.PADDED),
    ),
    at_most(
        "the same with a consumer that computes as long: at most 1.1 times the longer of the two",
        1.1,
        loaded(loading.CONSUMED, loading.LOADER, "times the longer"),
        unit="times",
    ),
    at_most_times(
        "cold samples of 2 kB by a `Loader`: at most 1.5 times direct I/O with 128 requests in flight",
        1.5,
        loaded(loading.COLD, loading.LOADER, "µs"),
        loaded(loading.COLD, cold.DEVICE, "µs"),
    ),
    at_most("the first batch: 10 ms after the import", 10, loaded(loading.FIRST, loading.LOADER, "ms")),
    *(
        at_most(
            f"a `Loader` of a billion samples, {what}: {limit} {unit}", limit, loaded(loading.HUGE, who, unit)
        )
        for what, who in (("from the start", loading.START), ("resumed in the middle", loading.RESUME))
        for limit, unit in ((10, "ms"), (1, "MB"))
    ),
    at_most(
        "100 epochs gain no memory (at most 1 MB, for noise)", 1, loaded(loading.EPOCHS, loading.LOADER, "MB")
    ),
    *(
        at_most(f"100 epochs gain no {unit}", 0, loaded(loading.EPOCHS, loading.LOADER, unit))
        for unit in ("descriptors", "threads")
    ),
    at_most(
        "packing 10 million lengths takes at most 1 s", 1, Key(plans.SUITE, plans.LOG_NORMAL, plans.PACK, "s")
    ),
    at_least(
        "packed rows are filled to at least 99.5 %",
        99.5,
        Key(plans.SUITE, plans.LOG_NORMAL, plans.PACK, "% filled"),
    ),
)
RUST = tuple(
    at_most(f"`{name.replace(',', '`,')}: at most 10 ns per item", 10, Key(rust.SUITE, name, rust.WHO, "ns"))
    for name in rust.BENCHES[:2]
)
BUILDING = (
    *(
        at_least_times(
            f"building {kind}: at least {limit} times as fast as the original, {way_}",
            limit,
            built(kind, theirs),
            built(kind, ours),
        )
        for kind, limit in (("sequences", 5), ("images", 5), ("texts", 3))
        for way_, ours, theirs in (
            ("in one call", OURS, ORIGINAL),
            ("from a generator", building.OURS_STREAMED, building.ORIGINAL_STREAMED),
        )
    ),
    *(
        at_most_times(
            f"building {what}: at most {limit} times {until}",
            limit,
            built(what, ours),
            built(what, plain),
        )
        for what, limit in (("images", 2.0), (building.GATHERED, 1.3))
        for until, ours, plain in (
            ("the plain write, until the call returns", OURS, building.PLAIN),
            (
                "the plain write and sync, until everything is on the disk",
                building.OURS_DURABLE,
                building.PLAIN_SYNCED,
            ),
        )
    ),
    at_most(
        "building images from a generator: at most one batch of 31 MB and 64 MB more in memory",
        95,
        built("images", building.OURS_STREAMED, "MB"),
    ),
    *(
        at_least_times(
            f"building {what}: at least 1.5 times as fast as the original",
            1.5,
            built(what, ORIGINAL),
            built(what, OURS),
        )
        for what, _ in building.COMPRESSED
    ),
)
CONVERSION = (
    at_most(
        "a generator that computes for as long as the writing takes: the writing adds at most 15 % to its time",
        15,
        converted(conversion.SLOW, OURS, "% lost"),
        unit="%",
    ),
    *(
        at_least_times(
            f"appending one of the {kind}: at least 40 times faster than the original, {where}",
            40,
            appended(kind, count, ORIGINAL),
            appended(kind, count, OURS),
        )
        for kind in growing.SAMPLES
        for count, where in ((growing.SMALL, "after ten"), (growing.LARGE, "after a million"))
    ),
    *(
        at_most_times(
            f"appending one of the {kind}: as fast after a million as after ten (at most 1.1 times, for noise)",
            1.1,
            appended(kind, growing.LARGE, OURS),
            appended(kind, growing.SMALL, OURS),
        )
        for kind in growing.SAMPLES
    ),
    at_least_times(
        "5 ms of work per sample: at least 1.7 times faster with 2 workers than with one process",
        1.7,
        converted(conversion.JOBS, f"{OURS}, {conversion.SERIAL}"),
        converted(conversion.JOBS, f"{OURS}, {conversion.PARALLEL}"),
    ),
    *(
        at_most_times(
            f"`concatenate`, which waits for the disk: at most 2 times the time of `{who}`",
            2.0,
            converted(conversion.JOINED, OURS),
            converted(conversion.JOINED, who),
        )
        for who in (conversion.CP, conversion.CP_SYNCED)
    ),
)
TARGETS = (
    *ITEMS,
    *OPENING,
    *BATCHES,
    *LARGE,
    *RECORDS,
    *COLD,
    *TRAINING,
    *LOADING,
    *RUST,
    *BUILDING,
    *CONVERSION,
)
