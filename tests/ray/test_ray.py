"""Datasets under Ray Data: `make test-ray` runs these modules with a Ray from PyPI; elsewhere they are skipped."""

import doctest
import os
import shutil
import sys
import time
from types import SimpleNamespace

import numpy as np
import pages
import pyarrow as pa
import pytest
from mmap_ninja import CorruptDatasetError, RaggedMmap, RecordsMmap, StringsMmap
from mmap_ninja import numpy as np_ninja
from record_samples import FIELDS, record, shown

pytest.importorskip("ray.data", reason="needs Ray")
import ray
from mmap_ninja import ray as ray_ninja
from mmap_ninja._ray.source import MmapNinjaDatasource

# The functions of this module are sent to the workers, which cannot import it.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

COUNT = 60


def samples(count=COUNT):
    """Records of every kind, whose images all have three axes."""
    found = [record(index) for index in range(count)]
    for index, each in enumerate(found):
        each["image"] = np.full((2, index % 3, 3), index, "uint8")
        each["flag"] = index % 2 == 0
    return found


@pytest.fixture
def train(tmp_path):
    return RecordsMmap.from_lists(tmp_path / "train", samples(), fields=FIELDS)


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert shown(one) == shown(other)


def names(directory):
    return sorted(os.listdir(directory))


@pytest.mark.parametrize("function", [ray_ninja.read, ray_ninja.write])
def test_a_docstring_tells_the_truth(local, tmp_path, function):
    (example,) = doctest.DocTestFinder().find(function, function.__name__)
    assert example.examples
    example.globs.update(RecordsMmap=RecordsMmap, out_dir=tmp_path / "out")
    found = []
    doctest.DocTestRunner().run(example, out=found.append)
    assert not found, "".join(found)


def test_the_examples_of_the_page_run_and_show_what_they_say(local, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pages.run(pages.ROOT / "docs" / "on-a-cluster.md") is None


# Reading.


def test_schema_and_count_are_known_without_reading(local, train):
    with open(train.out_dir / "name" / "data.ninja", "r+b") as file:
        file.write(b"\xff")
    dataset = ray_ninja.read(train.out_dir, override_num_blocks=4)
    assert dataset.count() == COUNT
    assert dataset.schema().names == train.fields
    assert dataset.schema().types[:3] == [pa.large_list(pa.uint16()), pa.int64(), pa.large_string()]
    with pytest.raises(CorruptDatasetError, match="samples 0 to .*UTF8"):
        dataset.take_all()


def test_a_node_without_the_dataset_is_named(train, tmp_path):
    (task,) = MmapNinjaDatasource(train.out_dir, None).get_read_tasks(1)
    os.rename(train.out_dir, tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="on the node .* all nodes must reach it"):
        list(task())


def test_every_block_has_the_schema_that_was_known(local, train):
    dataset = ray_ninja.read(train.out_dir, override_num_blocks=7)
    for reference in dataset.iter_internal_ref_bundles():
        for block in ray.get(list(reference.block_refs)):
            assert block.schema == dataset.schema().base_schema


@pytest.mark.parametrize("blocks", [1, 2, 7, 500])
def test_the_tasks_read_each_sample_once_in_order(train, blocks):
    source = MmapNinjaDatasource(train.out_dir, ["label"])
    tasks = source.get_read_tasks(blocks)
    tables = [list(task()) for task in tasks]
    assert [sum(map(len, read)) for read in tables] == [task.metadata.num_rows for task in tasks]
    assert len(tasks) == min(blocks, COUNT)
    labels = pa.concat_tables([table for read in tables for table in read])["label"]
    assert labels.to_pylist() == train["label"].tolist()


def test_tasks_have_about_as_many_bytes_each(tmp_path):
    lengths = np.random.default_rng(0).lognormal(4, 1.5, 3000).astype(int)
    RaggedMmap.from_lists(tmp_path / "tokens", [np.zeros(length, np.uint16) for length in lengths])
    source = MmapNinjaDatasource(tmp_path / "tokens", None)
    tasks = source.get_read_tasks(8)
    sizes = [task.metadata.size_bytes for task in tasks]
    assert len(tasks) == 8
    assert sum(sizes) == source.estimate_inmemory_data_size() == 2 * lengths.sum() + 16 * len(lengths)
    assert max(sizes) - min(sizes) <= 2 * (2 * lengths.max() + 16)


def test_a_task_of_many_bytes_gives_several_blocks(train, monkeypatch):
    monkeypatch.setattr("mmap_ninja._ray.source._BLOCK_BYTES", 1000)
    (task,) = MmapNinjaDatasource(train.out_dir, None).get_read_tasks(1)
    blocks = list(task())
    assert len(blocks) > 4
    assert all(block.schema == task.schema for block in blocks)
    assert sum(map(len, blocks)) == COUNT


def test_only_the_files_of_the_chosen_fields_are_opened(local, train):
    for name in set(train.fields) - {"boxes", "label"}:
        shutil.rmtree(train.out_dir / name)
    found = ray_ninja.read(train.out_dir, fields=["boxes", "label"]).take_all()
    assert [list(each) for each in found] == [["boxes", "label"]] * COUNT
    for each, expected in zip(found, samples(), strict=True):
        boxes = np.array(expected["boxes"], "float32").reshape(-1, 4)
        assert np.array_equal(each["boxes"], boxes)
        assert each["boxes"].shape == boxes.shape
    with pytest.raises(ValueError, match="box"):
        ray_ninja.read(train.out_dir, fields=["box"])


def test_records_are_read_value_for_value(local, train):
    found = ray_ninja.read(train.out_dir, override_num_blocks=5).take_all()
    assert_same(found, list(train))
    batch = ray_ninja.read(train.out_dir).take_batch(8)
    assert batch["embedding"].shape == (8, 3)
    assert batch["image"][4].shape == (2, 1, 3)


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        (lambda place: RaggedMmap.from_lists(place, [[1, 2], [], [3]]), [[1, 2], [], [3]]),
        (lambda place: RaggedMmap.from_lists(place, [np.int32(4), np.int32(5)]), [4, 5]),
        (lambda place: RaggedMmap.from_lists(place, [np.int32(4), [5, 6]]), [[4], [5, 6]]),
        (lambda place: StringsMmap.from_strings(place, ["a", "", "é"]), ["a", "", "é"]),
        (lambda place: StringsMmap.from_strings(place, ["a", "b"], zstd_level=3), ["a", "b"]),
        (lambda place: np_ninja.from_ndarray(place, np.arange(3) > 1), [False, False, True]),
        (lambda place: np_ninja.from_ndarray(place, np.eye(2, dtype=">f4")), [[1, 0], [0, 1]]),
        (lambda place: np_ninja.from_ndarray(place, np.asfortranarray(np.eye(2))), [[1, 0], [0, 1]]),
        (lambda place: np_ninja.from_ndarray(place, np.array([[0], [9]], "M8[s]")), [[0], [9]]),
    ],
)
def test_a_dataset_of_one_field_is_a_column(tmp_path, store, expected):
    store(tmp_path / "data")
    blocks = [
        block for task in MmapNinjaDatasource(tmp_path / "data", None).get_read_tasks(2) for block in task()
    ]
    table = pa.concat_tables(blocks)
    (name,) = table.column_names
    assert name == ("text" if isinstance(expected[0], str) else "sample")
    values = table[name]
    if isinstance(values.type, pa.BaseExtensionType):
        found = [row for chunk in values.chunks for row in chunk.to_numpy_ndarray().tolist()]
    elif "timestamp" in str(values.type):
        found = [[int(value.timestamp()) for value in row] for row in values.to_pylist()]
    else:
        found = values.to_pylist()
    assert found == expected


def test_samples_of_several_numbers_of_axes_are_refused(tmp_path):
    RaggedMmap.from_lists(tmp_path / "data", [[1], [[2, 3]]])
    (task,) = MmapNinjaDatasource(tmp_path / "data", None).get_read_tasks(1)
    with pytest.raises(ValueError, match="sample 1 has 2 axes and the first one 1"):
        list(task())


# Round trips.


@pytest.mark.parametrize("batch_format", ["numpy", "pandas", "pyarrow", None])
def test_what_is_read_and_written_is_the_same(local, train, tmp_path, batch_format):
    dataset = ray_ninja.read(train.out_dir, override_num_blocks=5)
    if batch_format:
        dataset = dataset.map_batches(lambda batch: batch, batch_format=batch_format)
    written = ray_ninja.write(dataset, tmp_path / "out")
    assert written.fields == train.fields
    assert_same(written, list(train))
    kinds = {name: kind for name, kind, _ in written._specs()}
    assert kinds == {name: kind for name, kind, _ in train._specs()} | {"flag": "numpy"}
    assert all(written[name].dtype == train[name].dtype for name in ("tokens", "boxes", "image", "embedding"))
    assert names(tmp_path) == ["out", "train"]


@pytest.mark.parametrize("texts", [True, False])
def test_a_single_column_becomes_a_map_of_its_own(local, tmp_path, texts):
    place, expected = tmp_path / "data", ["a", "b", "é"] if texts else [[1, 2], [], [3]]
    (StringsMmap.from_strings if texts else RaggedMmap.from_lists)(place, expected)
    written = ray_ninja.write(ray_ninja.read(place, override_num_blocks=2), tmp_path / "out")
    assert type(written) is (StringsMmap if texts else RaggedMmap)
    assert [each if texts else each.tolist() for each in written] == expected
    name = "text" if texts else "sample"
    records = ray_ninja.write(ray_ninja.read(place), tmp_path / "records", fields=[name])
    assert records.fields == [name]
    assert len(records) == 3


@pytest.mark.parametrize("fields", [None, ["tokens", "label"]])
def test_an_empty_dataset_keeps_its_fields(local, train, tmp_path, fields):
    empty = ray_ninja.write(
        ray_ninja.read(train.out_dir).filter(expr="label > 1000000"),
        tmp_path / "empty",
        fields=fields,
    )
    assert len(empty) == 0
    assert empty.fields == (fields or train.fields)
    assert empty["tokens"].dtype == np.uint16
    again = ray_ninja.read(tmp_path / "empty")
    assert (again.count(), again.take_all()) == (0, [])
    assert again.schema().names == empty.fields


def test_nothing_at_all_is_refused(local, tmp_path):
    with pytest.raises(ValueError, match="neither rows nor columns"):
        ray_ninja.write(ray.data.from_items([]), tmp_path / "out")
    assert names(tmp_path) == []


# Writing.


def arrays_of(shape_of):
    """A dataset of one row a block, whose arrays have the shapes `shape_of(i)`."""
    return ray.data.range(6, override_num_blocks=6).map_batches(
        lambda batch: {"x": [np.full(shape_of(i), i, np.int16) for i in batch["id"]], "id": batch["id"]}
    )


@pytest.mark.parametrize(
    ("shape_of", "fields", "kind"),
    [
        (lambda i: (3,), None, "numpy"),
        (lambda i: (3, 2), None, "numpy"),
        (lambda i: (3 + i // 5,), None, "ragged"),
        (lambda i: (2, 3 + i % 2), None, "ragged"),
        (lambda i: (3,), {"x": "ragged", "id": "dense"}, "ragged"),
        (lambda i: (i, 4), {"x": {"shape": (-1, 4)}, "id": "dense"}, "ragged"),
    ],
)
def test_tensors_are_dense_if_all_have_one_shape(local, tmp_path, shape_of, fields, kind):
    written = ray_ninja.write(arrays_of(shape_of), tmp_path / "out", fields=fields)
    name, found, trailing = written._specs()[0]
    assert (name, found) == ("x", kind)
    assert trailing == ([-1, 4] if fields and fields["x"] != "ragged" else None)
    for i, each in enumerate(written):
        assert np.array_equal(each["x"], np.full(shape_of(i), i))
        assert each["x"].dtype == np.int16
        assert each["id"] == i
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("is_fused", [True, False])
def test_samples_have_the_order_of_the_dataset_whichever_task_ends_first(local, tmp_path, is_fused):
    def slow_first(batch):
        time.sleep(1.5 if batch["id"][0] == 0 else 0)
        return batch

    resources = {} if is_fused else {"num_cpus": 0.5}
    dataset = ray.data.range(80, override_num_blocks=8).map_batches(slow_first, **resources)
    dataset.context.execution_options.preserve_order = not is_fused
    assert ray_ninja.write(dataset, tmp_path / "ids").tolist() == list(range(80))


def test_a_dataset_in_the_place_is_refused_before_anything_is_computed(local, train, tmp_path):
    def mark(batch):
        (tmp_path / "computed").touch()
        return batch

    dataset = ray_ninja.read(train.out_dir).map_batches(mark)
    with pytest.raises(FileExistsError, match="train"):
        ray_ninja.write(dataset, train.out_dir)
    assert names(tmp_path) == ["train"]
    ray_ninja.write(dataset, train.out_dir, fields=["label"], overwrite=True)
    assert RecordsMmap(train.out_dir).fields == ["label"]


@pytest.mark.parametrize("is_there", [False, True])
def test_a_failed_write_leaves_what_was_there(local, train, tmp_path, is_there):
    def fail_late(batch):
        if batch["label"][-1] == train["label"][-1]:
            time.sleep(0.5)
            raise RuntimeError("no more")
        return batch

    out_dir = train.out_dir if is_there else tmp_path / "out"
    dataset = ray_ninja.read(train.out_dir, override_num_blocks=12).map_batches(fail_late)
    with pytest.raises(Exception, match="no more"):
        ray_ninja.write(dataset, out_dir, overwrite=True)
    time.sleep(0.5)
    assert names(tmp_path) == ["train"]
    assert_same(RecordsMmap(train.out_dir), list(train))


def test_a_task_that_died_in_the_middle_is_repeated_and_leaves_nothing(local, tmp_path):
    def die_once(batch):
        yield batch
        if 30 in batch["id"] and not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os._exit(1)

    dataset = ray.data.range(80, override_num_blocks=4).map_batches(die_once, batch_size=5)
    written = ray_ninja.write(dataset, tmp_path / "ids")
    assert written.tolist() == list(range(80))
    assert names(tmp_path) == ["died", "ids"]


@pytest.mark.parametrize(
    ("dataset", "error", "words"),
    [
        (
            lambda: ray.data.from_items([{"x": 1}, {"x": None}]),
            ValueError,
            "column 'x', row .: there is a null",
        ),
        (lambda: ray.data.from_items([{"x": SimpleNamespace()}]), TypeError, "'x': it holds Python objects"),
        (lambda: ray.data.from_items([{"x": {"a": 1}}]), TypeError, "'x': its type struct"),
        (
            lambda: ray.data.from_items([{"x": 1}, {"x": "a"}], override_num_blocks=2),
            TypeError,
            "'x' is numbers of int64",
        ),
        (
            lambda: ray.data.from_items([{"x": 1}, {"x": 0.5}], override_num_blocks=2),
            TypeError,
            "float64 in others",
        ),
    ],
)
def test_what_no_map_can_hold_is_refused(local, tmp_path, dataset, error, words):
    with pytest.raises(error, match=words):
        ray_ninja.write(dataset(), tmp_path / "out")
    assert names(tmp_path) == []


def test_wrong_arguments_are_refused(local, train, tmp_path):
    dataset = ray_ninja.read(train.out_dir)
    with pytest.raises(TypeError, match=r"write stores a ray.data.Dataset, not list"):
        ray_ninja.write([1, 2], tmp_path / "out")
    with pytest.raises(ValueError, match="there is no column 'x'"):
        ray_ninja.write(dataset, tmp_path / "out", fields=["x"])
    with pytest.raises(ValueError, match="'tokens': a write takes kinds and shapes"):
        ray_ninja.write(dataset, tmp_path / "out", fields={"tokens": np.int32})
    with pytest.raises(ValueError, match="only records have fields"):
        ray_ninja.read(train.out_dir / "tokens", fields=["x"])
    with pytest.raises(FileNotFoundError):
        ray_ninja.read(tmp_path / "nothing")
    assert names(tmp_path) == ["train"]
