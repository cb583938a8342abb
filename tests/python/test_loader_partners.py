"""Loaders as the sources of JAX, Grain and TensorFlow; PyTorch is in tests/torch."""

import json

import numpy as np
import pytest
from mmap_ninja import Loader, RaggedMmap, RecordsMmap
from mmap_ninja.loader import ArraySpec

COUNT = 100


@pytest.fixture
def tokens(path):
    return RaggedMmap.from_lists(path, [np.arange(i % 9 + 1, dtype=np.int32) for i in range(COUNT)])


def same(found, expected):
    found, expected = list(found), list(expected)
    assert len(found) == len(expected)
    for (batch, lengths), (wanted, sizes) in zip(found, expected, strict=True):
        assert np.array_equal(batch, wanted)
        assert np.array_equal(lengths, sizes)


@pytest.mark.filterwarnings("ignore")
def test_jax_computes_with_the_batches_and_keeps_them_while_later_ones_are_filled(tokens):
    jnp = pytest.importorskip("jax.numpy")
    loader = Loader(tokens, 8, shuffle=True, pad=-1)
    found = [(jnp.asarray(batch), jnp.asarray(lengths)) for batch, lengths in loader]
    loader.set_epoch(0)
    same(found, loader)


@pytest.mark.filterwarnings("ignore")
def test_grain_transforms_the_batches_and_resumes_from_a_state_of_its_own(tokens):
    grain = pytest.importorskip("grain.python")

    class Batches(grain.IterDataset):
        def __init__(self, loader):
            super().__init__()
            self.loader = loader

        def __iter__(self):
            return Iterator(self.loader)

    class Iterator(grain.DatasetIterator):
        def __init__(self, loader):
            super().__init__()
            self.loader, self.batches = loader, None

        def __next__(self):
            if self.batches is None:
                self.batches = iter(self.loader)
            return next(self.batches)

        def get_state(self):
            return self.loader.state_dict()

        def set_state(self, state):
            self.loader.load_state_dict(state)
            self.batches = None

    def pipeline():
        return iter(Batches(Loader(tokens, 8, shuffle=True, pad=0)).map(lambda pair: (pair[0] + 1, pair[1])))

    expected = [(batch + 1, lengths) for batch, lengths in Loader(tokens, 8, shuffle=True, pad=0)]
    batches = pipeline()
    found = [next(batches) for _ in range(5)]
    state = json.loads(json.dumps(batches.get_state()))
    resumed = pipeline()
    resumed.set_state(state)
    same([*found, *resumed], expected)


def signature(tf, spec):
    """The signature of `from_generator` for what `spec` describes; texts are strings there."""
    if isinstance(spec, dict):
        return {name: signature(tf, each) for name, each in spec.items()}
    if isinstance(spec, ArraySpec):
        return tf.TensorSpec(spec.shape, tf.string if spec.dtype.kind == "U" else spec.dtype)
    return tuple(signature(tf, each) for each in spec)


@pytest.mark.filterwarnings("ignore")
def test_tensorflow_takes_the_batches_by_the_signature_that_the_spec_gives(tokens, path):
    tf = pytest.importorskip("tensorflow")
    for options in {"pad": 0}, {"pad": -100, "dtype": np.int64}, {}:
        loader = Loader(tokens, 8, shuffle=True, **options)
        data = tf.data.Dataset.from_generator(
            lambda loader=loader: iter(loader), output_signature=signature(tf, loader.spec)
        )
        found = list(data.as_numpy_iterator())
        loader.set_epoch(0)
        same(found, loader)
    columns = {"tokens": [[1] * (1 + i % 4) for i in range(20)], "name": [f"{i}.png" for i in range(20)]}
    records = RecordsMmap.from_columns(path.parent / "records", columns)
    loader = Loader(records, 8, pad={"tokens": 0})
    data = tf.data.Dataset.from_generator(lambda: iter(loader), output_signature=signature(tf, loader.spec))
    names = [name.decode() for batch in data.as_numpy_iterator() for name in batch["name"]]
    assert names == columns["name"]
