"""What is done otherwise than in the original, on purpose; see also test_appends, test_casts and test_dtypes."""

import gc
import multiprocessing
import pickle
import re

import numpy as np
import pytest
import workers
from conftest import tree
from mmap_ninja import CorruptDatasetError, RaggedMmap, StringsMmap, open_existing
from mmap_ninja import numpy as np_ninja


@pytest.mark.parametrize("create", [RaggedMmap.from_lists, np_ninja.from_ndarray])
def test_replacing_leaves_open_readers_and_foreign_files_alone(path, create):
    create(path, np.arange(6.0).reshape(3, 2))
    (path / "README.md").write_text("mine")
    (path / "extras").mkdir()
    (path / "extras" / "labels.txt").write_text("mine too")
    reader = open_existing(path)
    item = reader[1]
    create(path, np.zeros((2, 7), "int8"))
    gc.collect()
    assert item.tolist() == [2.0, 3.0]
    assert [list(row) for row in reader] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert [row.tolist() for row in open_existing(path)] == [[0] * 7] * 2
    assert (path / "README.md").read_text() == "mine"
    assert (path / "extras" / "labels.txt").read_text() == "mine too"
    assert [entry.name for entry in path.parent.iterdir()] == ["data"]


def test_a_dataset_may_be_replaced_by_one_of_another_kind(path):
    RaggedMmap.from_lists(path, [np.ones((2, 2))])
    StringsMmap.from_strings(path, ["a"])
    StringsMmap.from_strings(path.parent / "fresh", ["a"])
    assert tree(path) == tree(path.parent / "fresh")


def test_a_build_that_fails_leaves_the_old_map(path):
    def failing():
        yield from [np.zeros(3)] * 5
        raise RuntimeError("no more")

    RaggedMmap.from_lists(path, [np.arange(4)])
    before = tree(path)
    with pytest.raises(RuntimeError, match="no more"):
        RaggedMmap.from_generator(path, failing(), 2)
    assert tree(path) == before


@pytest.mark.parametrize("error", [KeyError, ValueError, RuntimeError])
@pytest.mark.parametrize("as_callable", [False, True])
def test_an_error_of_an_indexable_reaches_the_caller(path, error, as_callable):
    def load(index):
        if index == 3:
            raise error("broken")
        return ([np.arange(3)] * 10)[index]

    loader = load if as_callable else type("Loader", (), {"__getitem__": lambda _, index: load(index)})()
    with pytest.raises(error, match="broken"):
        RaggedMmap.from_indexable(path, loader, 2)
    assert not path.exists()


def test_a_stop_iteration_of_an_indexable_is_an_error_too(path):
    with pytest.raises((StopIteration, RuntimeError)):
        RaggedMmap.from_indexable(
            path, lambda index: [np.arange(3)][index] if index != 1 else next(iter([])), 2
        )
    assert not path.exists()


@pytest.mark.parametrize("batch_size", [1, 2, 3, 10])
def test_an_index_error_ends_an_indexable_without_length_only(path, batch_size):
    samples = [np.arange(n) for n in range(4)]
    assert len(RaggedMmap.from_indexable(path, lambda index: samples[index], batch_size)) == 4
    sized = type("Sized", (), {"__len__": lambda _: 6, "__getitem__": lambda _, index: samples[index]})()
    with pytest.raises(IndexError):
        RaggedMmap.from_indexable(path, sized, batch_size)
    assert len(RaggedMmap(path)) == 4


@pytest.mark.parametrize("source", ["from_lists", "from_generator", "from_indexable"])
def test_a_list_without_elements_does_not_make_the_map_float64(path, original, source):
    samples, options = [[], [2**53 + 1]], {} if source == "from_lists" else {"batch_size": 1}
    original.create("map", f"RaggedMmap.{source}", str(path.parent / "theirs"), samples, **options)
    assert (path.parent / "theirs" / "dtype.ninja").read_text() == "float64"
    ragged = getattr(RaggedMmap, source)(path, samples, **options)
    assert ragged.dtype == np.int64
    assert ragged[1].tolist() == [2**53 + 1]


def test_bytes_keep_the_zeros_at_their_end(path):
    assert RaggedMmap.from_lists(path, [b"\xff\xd8\0\0"])[0].tolist() == [255, 216, 0, 0]


def test_a_mapping_is_refused(path):
    with pytest.raises(TypeError, match="one field"):
        RaggedMmap.from_lists(path, [{"image": [1], "label": 2}])
    assert not path.exists()


def test_rows_of_several_dtypes_are_not_changed_by_the_cast_to_their_common_dtype(path):
    with pytest.raises(TypeError, match="9007199254740993"):
        np_ninja.from_generator(path, [2**53 + 1, 0.5], 2)
    assert not path.exists()


def make_flat(path, mode="r"):
    RaggedMmap.from_lists(path, [np.arange(3.0), np.arange(2.0)])
    return RaggedMmap(path, mode=mode)


def make_images(path, mode="r"):
    RaggedMmap.from_lists(path, [np.ones((2, 2)), np.zeros((1, 3))])
    return RaggedMmap(path, mode=mode)


def make_strings(path, mode="r"):
    StringsMmap.from_strings(path, ["one", "zwei"])
    return StringsMmap(path, mode=mode)


def make_compressed(path, mode="r"):
    texts = [f"the {number}th text of many" for number in range(100)]
    StringsMmap.from_strings(path, texts, zstd_level=3, zstd_train_dictionary_size=512)
    return StringsMmap(path, mode=mode)


def make_dense(path, mode="r"):
    np_ninja.from_ndarray(path, np.ones((2, 3)))
    return np_ninja.open_existing(path, mode=mode)


RAGGED = [make_flat, make_images]
STRINGS = [make_strings, make_compressed]
ALL = [*RAGGED, *STRINGS, make_dense]
OPENERS = (
    dict.fromkeys(RAGGED, RaggedMmap)
    | dict.fromkeys(STRINGS, StringsMmap)
    | {make_dense: np_ninja.open_existing}
)


@pytest.mark.parametrize("make", ALL)
def test_a_file_that_is_cut_short_or_missing_is_named(path, make):
    make(path)
    whole = tree(path)
    # Nothing depends on what the members say about themselves, nor on the order of the elements of one axis, and a
    # dictionary has no size that is stored.
    told_twice = re.compile(r".+/(type|order|shapes_are_flat).ninja|zstd_dict.ninja")
    for name in [name for name, content in whole.items() if content and not told_twice.fullmatch(name)]:
        (path / name).write_bytes(whole[name][:-1])
        with pytest.raises(CorruptDatasetError, match=str(path / name)):
            open_existing(path)[0]
        if "/" not in name and name != "type.ninja":  # Releases before 0.4.0 wrote none.
            (path / name).unlink()
            with pytest.raises((CorruptDatasetError, FileNotFoundError), match=str(path)):
                open_existing(path)[0]
        (path / name).write_bytes(whole[name])
    open_existing(path)[0]


@pytest.mark.parametrize("make", RAGGED + STRINGS)
def test_inconsistent_counts_are_damage(path, make):
    make(path)
    for member in ["starts", "ends"]:
        before = (path / member / "shape.ninja").read_bytes()
        (path / member / "shape.ninja").write_bytes((1).to_bytes(8, "little"))
        with pytest.raises(CorruptDatasetError, match=member):
            open_existing(path)
        (path / member / "shape.ninja").write_bytes(before)


@pytest.mark.parametrize("make", ALL)
def test_opening_and_reading_write_nothing(path, make):
    make(path)
    before, times = tree(path.parent), [each.stat().st_mtime_ns for each in sorted(path.parent.rglob("*"))]
    for mode in ["r", "r+", "r+b"]:
        assert len(open_existing(path, mode=mode)[:2]) == 2
    assert tree(path.parent) == before
    assert [each.stat().st_mtime_ns for each in sorted(path.parent.rglob("*"))] == times


@pytest.mark.parametrize("cls", [RaggedMmap, StringsMmap])
def test_a_missing_directory_is_made_by_the_first_append(path, cls):
    memmap = cls(path / "below" / "deeper")
    assert not memmap
    assert memmap[:] == []
    assert tree(path.parent) == {}
    memmap.append("text" if cls is StringsMmap else np.arange(3))
    assert len(cls(path / "below" / "deeper")) == 1


@pytest.mark.parametrize("make", ALL)
def test_a_mode_that_would_erase_the_map_is_refused(path, make):
    make(path)
    before = tree(path)
    for mode in ["w", "w+", "wb", "write"]:
        for opener in (
            open_existing,
            OPENERS[make],
        ):
            with pytest.raises(ValueError, match=mode.replace("+", r"\+")):
                opener(path, mode=mode)
    assert tree(path) == before


@pytest.mark.parametrize("make", RAGGED + STRINGS[:1])
def test_an_assignment_of_another_size_writes_nothing(path, make):
    memmap = make(path, "r+")
    before = tree(path)
    fitting, wrong = ("abc", "toolong") if make is make_strings else (memmap[0] + 1, np.ones(1))
    for index, value in [
        (0, wrong),
        (slice(None), [fitting, wrong]),
        (slice(None), [fitting]),
        ([0, 1], [fitting] * 3),
    ]:
        with pytest.raises(ValueError, match=str(path)):
            memmap[index] = value
    assert tree(path) == before


@pytest.mark.parametrize("make", RAGGED + STRINGS)
def test_a_pickle_is_small_and_opens_the_same(path, make):
    memmap = make(path, "r+")
    pickled = pickle.dumps(memmap)
    again = pickle.loads(pickled)
    assert len(pickled) < 1000
    assert (type(again), again.mode, again.out_dir) == (type(memmap), "r+", path)
    for ours, theirs in zip(again, memmap, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_pickle_keeps_the_options(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    keys = {"starts_key": "a", "ends_key": "b", "shapes_key": "c", "flattened_shapes_key": "d"}
    RaggedMmap.from_lists("data", [np.arange(3)], **keys)
    pickled = pickle.dumps(RaggedMmap("data", wrapper_fn=np.sum, copy_before_wrapper_fn=False, **keys))
    monkeypatch.chdir("/")
    again = pickle.loads(pickled)
    assert again[0] == 3
    assert again.copy_before_wrapper_fn is False


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_of_every_start_method_read_the_maps(path, method):
    maps = [
        make_flat(path),
        make_strings(path.parent / "strings"),
        make_compressed(path.parent / "compressed"),
    ]
    context = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=workers.report, args=(maps, sender))
    process.start()
    sender.close()
    received = receiver.recv()
    process.join()
    for memmap, (kind, length, second) in zip(maps, received, strict=True):
        assert (kind, length) == (type(memmap).__name__, len(memmap))
        np.testing.assert_array_equal(second, memmap[1])


@pytest.mark.parametrize("make", RAGGED + STRINGS[:1])
def test_indices_mean_what_they_mean_to_a_list(path, make):
    memmap = make(path)
    items = list(memmap)
    assert [np.shape(item) for item in items] == [np.shape(memmap[index]) for index in (0, 1)]
    for index in [True, False, np.int8(-1), np.array(1), np.uint64(1)]:
        np.testing.assert_array_equal(memmap[index], items[int(index)])
    for index in [[], np.array([], int), [False, False], slice(5, 9), range(0)]:
        assert memmap[index] == []
    for index in [[1, 0], np.array([1, 0]), range(1, -1, -1), slice(None, None, -1), [-1, -2]]:
        for ours, theirs in zip(memmap[index], items[::-1], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert items[1] in memmap
    assert "absent" not in memmap
    with pytest.raises((TypeError, DeprecationWarning)):  # the latter from NumPy 1
        memmap[np.True_]
    for index in [np.array([[0, 1]]), [[0, 1]], 0.0, "0", None, (0, 1), np.array(0.0), [0.0]]:
        with pytest.raises(TypeError):
            memmap[index]


def test_an_array_of_bools_from_elsewhere_is_a_mask(path):
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return np.array([False, True])

    for make in RAGGED + STRINGS[:1]:
        memmap = make(path)
        np.testing.assert_array_equal(memmap[Tensor()], memmap[1:])


FIXED = "memmap starts ends shapes flattened_shapes shapes_are_flat n range lengths nbytes dtype zstd_level"
FIXED += " out_dir data_file mode access durability timeout locking starts_key ends_key shapes_key"
FIXED += " flattened_shapes_key shapes_ctor shapes_extension_fn file buffer compressor decompressor"


@pytest.mark.parametrize("make", [make_flat, make_compressed])
@pytest.mark.parametrize("name", FIXED.split())
def test_setting_what_cannot_be_set_says_what_to_do_instead(path, make, name):
    memmap = make(path)
    before = getattr(memmap, name, None)
    advice = "/dev/shm|open the dataset again|append|0.9; nothing here reads it"
    with pytest.raises(
        AttributeError, match=rf"{type(memmap).__name__}\.{name} cannot be set: it .*({advice})"
    ):
        setattr(memmap, name, np.zeros(3))
    np.testing.assert_array_equal(getattr(memmap, name, None), before)


def test_every_attribute_of_the_original_can_be_set_or_says_what_to_do(path, original):
    RaggedMmap.from_lists(path / "ragged", [[1]])
    StringsMmap.from_strings(path / "strings", ["one"])
    settable = {"wrapper_fn", "copy_before_wrapper_fn"}
    for opener, name in ("RaggedMmap", "ragged"), ("StringsMmap", "strings"):
        theirs = set(original.attributes(opener, str(path / name)))
        assert len(theirs) > 10
        assert theirs <= settable | set(FIXED.split())


def test_a_wrapper_and_whether_it_gets_copies_can_be_set(path):
    make_flat(path, "r+")
    memmap = RaggedMmap(path, mode="r+", copy_before_wrapper_fn=False)
    for copies in False, True, False:
        memmap.copy_before_wrapper_fn = copies
        memmap.wrapper_fn = lambda sample: sample
        assert memmap.copy_before_wrapper_fn is copies
        assert np.shares_memory(memmap[0], memmap[0]) is not copies
        memmap.append([1])
        assert np.shares_memory(memmap[0], memmap[0]) is not copies


class Mine(RaggedMmap):
    memmap = None

    def __init__(self, out_dir, mode="r"):
        self.mode = self.note = "before"
        super().__init__(out_dir, mode=mode)
        self.memmap, self.note = np.array([1]), "mine"


def test_a_subclass_has_attributes_of_its_own(path):
    make_flat(path)
    memmap = Mine(path)
    assert (memmap.note, memmap.mode, memmap.memmap.tolist()) == ("mine", "r", [1])
    assert pickle.loads(pickle.dumps(memmap)).note == "mine"
    with pytest.raises(AttributeError, match="Mine.mode"):
        memmap.mode = "r+"


def test_a_swap_of_items_needs_copies(path):
    memmap = RaggedMmap.from_lists(path, [[1, 2], [3, 4]])
    memmap[0], memmap[1] = memmap[1].copy(), memmap[0].copy()
    assert [item.tolist() for item in memmap] == [[3, 4], [1, 2]]
    assert "random.shuffle" in RaggedMmap.__doc__
