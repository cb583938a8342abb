"""Equal steps leave byte-identical directories and give equal answers, here and in the original."""

import numpy as np
import pytest
from catalogue import values
from conftest import tree
from hypothesis import given, settings
from hypothesis import strategies as st
from original_driver import Session

DTYPES = [*"?bhilqBHILQefdgFDG", "M8[D]", "M8[ns]", "M8[10us]", "m8[s]", "m8"]
KEYS = {"starts_key": "begin", "ends_key": "stop"}
RAGGED_KEYS = KEYS | {"shapes_key": "sizes", "flattened_shapes_key": "counts"}
SEEDS = st.integers(0, 1000)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def shapes(ranks):
    return st.integers(*ranks).flatmap(lambda rank: st.tuples(*[st.integers(0, 3)] * rank))


@st.composite
def first_and_others(draw, dtype, ranks, first):
    """The first sample has elements and decides whether the map is N-D; the original fails otherwise."""
    others = draw(st.lists(shapes(ranks), max_size=6))
    return [values(dtype, shape, draw(SEEDS)) for shape in [draw(first), *others]]


def ways_to_create(samples):
    """Names of constructors, with the options that each takes."""
    sizes = st.integers(1, len(samples) + 1)
    generated = st.fixed_dictionaries({"batch_size": sizes, "source": st.sampled_from(["list", "generator"])})
    # The original fails where an indexable without a length ends with a batch.
    uneven = sizes.filter(lambda size: len(samples) % size)
    unsized = st.fixed_dictionaries(
        {"batch_size": uneven, "source": st.sampled_from(["unsized", "callable"])}
    )
    sized = st.fixed_dictionaries({"batch_size": sizes, "source": st.just("list")})
    return {
        "from_lists": st.just({}),
        "from_generator": generated,
        "from_indexable": sized | unsized,
    }


def way_to_create(draw, samples, names):
    name = draw(st.sampled_from(names))
    return name, draw(ways_to_create(samples)[name])


@st.composite
def selections(draw, length):
    """All kinds of indices."""
    indices = st.integers(-length, length - 1)
    many = st.lists(indices, max_size=4)
    return draw(
        st.one_of(
            indices,
            indices.map(np.int64),
            many,
            many.map(lambda items: np.array(items, np.int64)),
            st.slices(length),
            st.lists(st.booleans(), min_size=length, max_size=length).map(np.array),
            st.just(range(length)),
        )
    )


@settings(max_examples=120)
@given(data=st.data())
def test_ragged_maps_are_the_same_after_every_step(both, data):
    draw = data.draw
    dtype, keys = draw(st.sampled_from(DTYPES)), draw(st.sampled_from([{}, RAGGED_KEYS]))
    is_flat = draw(st.booleans())
    ranks = (0, 1) if is_flat else (1, 5)
    first = st.sampled_from([(), (1,), (3,)] if is_flat else [(2, 2), (1, 3), (2, 1, 3), (1, 2, 1, 2, 1)])
    samples = draw(first_and_others(dtype, ranks, first))
    constructor, options = way_to_create(draw, samples, ["from_lists", "from_generator", "from_indexable"])
    maps = both()
    maps.create(f"RaggedMmap.{constructor}", samples, **options, **keys)
    maps.check_files()
    for step in draw(
        st.lists(st.sampled_from(["append", "extend", "array", "assign", "inside", "open"]), max_size=4)
    ):
        length = len(maps.same("items"))
        if step == "append":
            maps.call("append", values(dtype, draw(shapes(ranks)), draw(SEEDS)))
        elif step == "extend":
            more = [values(dtype, draw(shapes(ranks)), draw(SEEDS)) for _ in range(draw(st.integers(1, 4)))]
            maps.extend(more)
        elif step == "array":
            rows = values(dtype, (2, *draw(shapes((ranks[0], 1)))), draw(SEEDS))
            # The original fills the padding of long doubles with whatever lies in memory when it takes rows apart.
            if rows.dtype.char not in "gG":
                maps.extend(rows, source="array")
        elif step == "open":
            maps.open("RaggedMmap", mode="r+", **keys)
        else:
            index = draw(st.integers(0, length - 1))
            kind, *answer = maps.same("get", index)
            if kind == "array" and 0 not in answer[1]:
                value = values(dtype, answer[1], draw(SEEDS))
                # The original takes an N-D value only when it is flattened, which is refused here.
                assign_item = step == "assign" and value.ndim == 1
                maps.call("__setitem__", index, value) if assign_item else maps.assign_inside(index, value)
        maps.check_files()
    length = len(maps.same("items"))
    maps.same("get", draw(selections(length)))
    for attribute in ["starts", "ends", "shapes", "flattened_shapes", "memmap", "n", "range"]:
        maps.same("attribute", attribute)


@given(data=st.data())
def test_strings_are_the_same_after_every_step(both, data):
    draw = data.draw
    keys = draw(st.sampled_from([{}, KEYS]))
    strings = [draw(TEXTS.filter(len)), *draw(st.lists(TEXTS, max_size=6))]
    constructor, options = way_to_create(draw, strings, ["from_lists", "from_generator"])
    maps = both()
    maps.create(f"StringsMmap.{constructor}".replace("lists", "strings"), strings, **options, **keys)
    maps.check_files()
    for step in draw(st.lists(st.sampled_from(["append", "extend", "assign", "open"]), max_size=4)):
        if step == "append":
            maps.call("append", draw(TEXTS))
        elif step == "extend":
            maps.extend(draw(st.lists(TEXTS, min_size=1, max_size=4)))
        elif step == "open":
            maps.open("StringsMmap", mode=draw(st.sampled_from(["r+", "r+b", "rb"])), **keys)
            continue
        else:
            index = draw(st.integers(0, len(maps.same("items")) - 1))
            size = len(eval(maps.same("get", index)[1]).encode())
            maps.open("StringsMmap", mode="r+b", **keys)
            maps.call("__setitem__", index, draw(st.text("abc", min_size=size, max_size=size)))
        maps.check_files()
    maps.same("get", draw(selections(len(maps.same("items")))))
    for attribute in ["starts", "ends", "range"]:
        maps.same("attribute", attribute)


@given(data=st.data())
def test_dense_arrays_are_the_same_after_every_step(both, data):
    draw = data.draw
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=5).map(tuple))
    array = values(dtype, shape, draw(SEEDS))
    maps = both()
    if draw(st.booleans()):
        options = {
            "batch_size": draw(st.integers(1, 4)),
            "source": draw(st.sampled_from(["list", "generator"])),
        }
        maps.create("numpy.from_generator", array, **options)
        maps.open("numpy.open_existing", mode="r+")
    else:
        maps.create("numpy.from_ndarray", array, source="array")
    maps.check_files()
    for step in draw(
        st.lists(st.sampled_from(["append", "extend", "extend_dir", "assign", "open"]), max_size=4)
    ):
        rows = values(dtype, (draw(st.integers(0, 3)), *shape[1:]), draw(SEEDS))
        if step == "append":
            maps.run_on("numpy.append", values(dtype, shape[1:], draw(SEEDS)))
        elif step == "extend":
            maps.run_on("numpy.extend", rows)
        elif step == "extend_dir":
            maps.run_in("numpy.extend_dir", rows)
        elif step == "assign":
            maps.call("__setitem__", -1, values(dtype, shape[1:], draw(SEEDS)))
        else:
            maps.open(draw(st.sampled_from(["numpy.open_existing", "open_existing"])), mode="r+")
        maps.check_files()
        maps.open("numpy.open_existing", mode="r+")
        maps.same("get", slice(None))


@pytest.mark.parametrize("dtype", ["?", "f", "G", "M8[10us]"])
@pytest.mark.parametrize("shape", [(0,), (1,), (3,), (0, 3), (2, 0), (2, 3), (2, 1, 3), (2, 3, 1, 1, 2)])
def test_fortran_and_empty_arrays_are_stored_the_same(both, dtype, shape):
    maps = both()
    array = values(dtype, shape)
    maps.create("numpy.from_ndarray", np.asfortranarray(array), source="array")
    maps.check_files()
    maps.open("numpy.open_existing")
    maps.same("get", ...)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 3), (2, 0), (1, 1, 1, 1, 1)])
def test_a_first_sample_of_any_shape_is_stored_the_same(both, shape):
    maps = both()
    maps.create("RaggedMmap.from_lists", [values("float32", shape), values("float32", shape)])
    maps.check_files()
    assert len(maps.same("items")) == 2


@pytest.mark.parametrize("sample", ["float64", "float16", "int8", "uint8", "bool"])
def test_samples_of_another_dtype_are_cast_the_same(both, sample):
    maps = both()
    maps.create("RaggedMmap.from_lists", [values("bool", 3), values("bool", (2, 2))], dtype="float32")
    maps.call("append", np.array([0, 1, 1], sample))
    maps.extend([np.array([[1, 0]], sample), [1.5, 2.5]])
    maps.check_files()
    maps.same("items")


def test_zeros_to_be_filled_are_stored_the_same(both):
    for order in "CF":
        maps = both()
        for path, side in maps.sides.items():
            path.parent.mkdir(parents=True)
            side.run("numpy._empty", str(path), "float32", (2, 3), order)
        maps.open("numpy.open_existing", mode="r+")
        maps.assign_inside(slice(None), values("float32", (2, 3)))
        maps.check_files()


def test_a_missing_map_that_is_appended_to_is_the_same(both):
    for opener, sample in [
        ("RaggedMmap", values("int16", 3)),
        ("RaggedMmap", values("bool", (1, 2))),
        ("StringsMmap", "é"),
    ]:
        maps = both()
        for path in maps.sides:
            path.parent.mkdir(parents=True)
        maps.open(opener)
        maps.call("append", sample)
        maps.call("append", sample)
        maps.check_files()
        maps.same("items")


def test_from_generator_of_no_samples_creates_no_map(original, fresh):
    for constructor in ["RaggedMmap.from_generator", "StringsMmap.from_generator", "numpy.from_generator"]:
        assert not original.create("none", constructor, str(fresh()), [], "generator", batch_size=2)
        assert not Session().create("none", constructor, path := fresh(), [], "generator", batch_size=2)
        assert not path.exists()


def test_merging_member_by_member_gives_the_same_files(both, fresh, original):
    part = str(fresh())
    original.create(
        "part", "RaggedMmap.from_lists", part, [values("int32", 4), values("int32", 0), values("int32", 1)]
    )
    maps = both()
    maps.create("RaggedMmap.from_lists", [values("int32", 2), values("int32", 3)])
    for side in maps.sides.values():
        side.open("part", "RaggedMmap", part)
        side.merge("map", "part")
    maps.check_files()
    maps.open("RaggedMmap")
    assert len(maps.same("items")) == 5


@settings(max_examples=30)
@given(data=st.data())
def test_appends_in_turns_read_the_same(both, original, fresh, data):
    draw = data.draw
    is_flat = draw(st.booleans())
    ranks, first = ((0, 1), (2,)) if is_flat else ((1, 3), (1, 2))
    path, alone = str(fresh()), Session()
    original.create("shared", "RaggedMmap.from_lists", path, [values("int16", first)])
    alone.create("alone", "RaggedMmap.from_lists", reference := str(fresh()), [values("int16", first)])
    ours = Session()
    ours.open("shared", "RaggedMmap", path)
    for turn in range(draw(st.integers(1, 5))):
        samples = [values("int16", draw(shapes(ranks)), turn) for _ in range(draw(st.integers(1, 3)))]
        original.open("shared", "RaggedMmap", path)
        (ours if turn % 2 else original).extend("shared", samples)
        alone.extend("alone", samples)
        assert tree(path) == tree(reference)
        original.open("shared", "RaggedMmap", path)
        ours.open("fresh", "RaggedMmap", path)
        assert original.items("shared") == ours.items("fresh") == alone.items("alone")


@pytest.mark.parametrize("dictionary", [None, 1024])
@pytest.mark.parametrize("level", [-3, 1, 3, 19])
def test_compressed_strings_are_read_and_appended_to_in_turns(both, original, fresh, level, dictionary):
    strings = [f"the {i}th of many similar texts, é {i * 7919}" for i in range(400)]
    options = {"zstd_level": level, "zstd_train_dictionary_size": dictionary}
    ours = Session()
    for creator in ours, original:
        path = str(fresh())
        creator.create("shared", "StringsMmap.from_strings", path, strings, **options)
        expected = list(strings)
        for turn in range(6):
            more = ["", f"turn {turn}", "ü" * 1000][: turn % 3 + 1]
            side = (ours, original)[turn % 2]
            side.open("shared", "StringsMmap", path)
            side.extend("shared", more)
            expected += more
            for reader in ours, original:
                reader.open("shared", "StringsMmap", path)
                assert reader.items("shared") == [("str", repr(text)) for text in expected]
