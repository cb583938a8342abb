"""`Loader`: the batches of a training run, epoch after epoch."""

import hashlib
import operator
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmap_ninja import _core
from mmap_ninja._build.errors import note
from mmap_ninja._loading import feeds, plans, sources, state
from mmap_ninja._loading.sources import ArraySpec

if TYPE_CHECKING:
    from mmap_ninja._typing import Indices

__all__ = ["ArraySpec", "Loader"]

# Epochs times samples stay far below 2^63.
_MOST_EPOCHS = 2**32
# Indices that the note on an error lists in full.
_LISTED = 1000


class Loader:
    """The batches of one dataset or several, epoch after epoch, filled by threads before they are asked for.

    Iterating over it yields the batches of one epoch, and the next iteration those of the next epoch, in another order. Of
    a ragged map, a batch is a pair of arrays, the values and offsets of `gather`, or with `pad` the batch and lengths of
    `padded`; of texts a list; of an array its rows; of records what their `batch` returns.

    An order is not stored but computed: it is the generalized Feistel permutation of Black and Rogaway (CT-RSA 2002), keyed
    by the seed and the epoch. A loader over a billion samples starts at once.

    Args:
        source: a map, an array, anything with a method `batch` that takes indices, or a mixture: a dict of names to pairs
            of a source and its weight.
        batch_size: samples of a global batch, which all ranks share; with a `plan`, entries of the plan.
        shuffle: read in random order, another one every epoch.
        seed: an integer from 0 to 2^64 - 1 that decides all orders.
        indices: read only these samples: what `m[indices]` takes; of a mixture, a dict of names to such. A range takes no
            memory.
        drop_last: leave out the last batch of an epoch if it is smaller than `batch_size`.
        rank, world_size: which part of each global batch to read. All ranks yield equally many batches.
        plan: a sequence of arrays of indices, such as `mmap_ninja.plans.budget` makes. Its entries are shuffled. A plan of
            `mmap_ninja.plans` must have been made from the lengths of these samples.
        pad: the value to pad samples of a ragged map with, on the right; of records, a dict of fields to such values.
        dtype: the dtype of the batches instead of the source's, as in `gather`; of records, a dict of fields to dtypes.
            Elements are cast while they are copied.
        threads: threads that fill batches; 0 fills a batch when it is asked for.
        ahead: batches that are ready before they are asked for, besides those that threads are at.
        transform: called with every batch, in the caller's thread, and gives what is yielded.

    Raises:
        FileNotFoundError: there is nothing at the path of a map.
        ValueError: `world_size` does not divide `batch_size`, the last batch of an epoch has fewer samples than there are
            ranks, the plan was made for other samples, or another argument is out of range.
        TypeError: the source cannot be read, a cast could change a value, or an argument has the wrong type.
        IndexError: an index is out of range.

    An error while a batch is read or transformed ends the iteration. A note on it names the samples. Without any samples to
    read, as of `indices=[]`, an epoch has no batches.

    In a mixture, each sample of a batch is drawn from one of the sources, in the proportion of the weights. An epoch has
    as many samples as all sources together. A source goes on in the next epoch where it stopped, and starts over in
    another order once all its samples were drawn.

    >>> tokens = RaggedMmap.from_lists(out_dir, [[1, 2, 3], [4], [5, 6]])
    >>> loader = Loader(tokens, batch_size=2, pad=0)
    >>> for batch, lengths in loader:
    ...     print(batch.tolist(), lengths.tolist())
    [[1, 2, 3], [4, 0, 0]] [3, 1]
    [[5, 6]] [2]
    """

    def __init__(
        self,
        source: Any,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        indices: "Indices | Mapping[str, Indices] | None" = None,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
        plan: Sequence[Any] | None = None,
        pad: Any = None,
        dtype: Any = None,
        threads: int = 2,
        ahead: int = 2,
        transform: Callable[[Any], Any] | None = None,
    ):
        given = {name: value for name, value in locals().items() if name != "self"}
        self._given: dict[str, Any] = given
        self._sources = sources.parse(source)
        self._lens = [len(each.data) for each in self._sources]
        self.batch_size = _integer("batch_size", batch_size, 1)
        self.seed = _integer("seed", seed, 0, 2**64)
        self.world_size = _integer("world_size", world_size, 1)
        self.rank = _integer("rank", rank, 0, self.world_size)
        self.shuffle, self.drop_last, self.plan = bool(shuffle), bool(drop_last), plan
        if transform is not None and not callable(transform):
            raise TypeError(f"transform must be a function of a batch, not {transform!r}")
        self._pad, self._dtype, self._transform = pad, dtype, transform
        self._threads, self._ahead = _integer("threads", threads, 0), _integer("ahead", ahead, 1)
        sources.check(self._data, pad, dtype)
        self._selected = self._order_of_samples(indices)
        self._order = self._selected if plan is None else self._order_of_entries(plan)
        self._batches = self._count_batches()
        # The next batch, or the one after the last that was yielded; and whether an iteration has yielded any up to it.
        self._epoch, self._batch, self._is_used = 0, 0, False
        self._running: object = None

    def _order_of_samples(self, indices: Any) -> _core.Order:
        if len(self._sources) == 1 and not isinstance(indices, Mapping):
            indices = {self._sources[0].name: indices}
        if not isinstance(indices, Mapping | None):
            raise TypeError(
                f"indices of a mixture must be a dict of the names of its sources to indices, not {indices!r}"
            )
        selected = {} if indices is None else dict(indices)
        parts = [
            (count, _as_range(selected.pop(each.name, None), count), each.weight)
            for count, each in zip(self._lens, self._sources, strict=True)
        ]
        if selected:
            raise ValueError(f"indices: there is no source {next(iter(selected))!r}")
        if self.plan is not None and any(part[1] is not None for part in parts):
            raise ValueError("a plan already says which samples are read; indices cannot be given as well")
        return _core.Order(parts, self.seed, self.shuffle)

    def _order_of_entries(self, plan: Sequence[Any]) -> _core.Order:
        if len(self._sources) > 1:
            raise ValueError("a plan is for one source, not for a mixture")
        plans.check(plan, self._data[0], self._pad)
        return _core.Order([(len(plan), None, 1.0)], self.seed, self.shuffle)

    def _count_batches(self) -> int:
        positions, size, ranks = len(self._order), self.batch_size, self.world_size
        what = "samples" if self.plan is None else "entries of the plan"
        if size % ranks:
            raise ValueError(
                f"world_size={ranks} does not divide batch_size={size}, the {what} of a global batch"
            )
        full, rest = divmod(positions, size)
        if self.drop_last:
            if rest and not full:
                raise ValueError(
                    f"drop_last leaves nothing: {positions} {what} do not fill a batch of {size}"
                )
            return full
        if 0 < rest < ranks:
            raise ValueError(
                f"the last batch of an epoch has {rest} {what}, too few for {ranks} ranks; pass drop_last=True"
            )
        return full + (rest > 0)

    def __len__(self) -> int:
        """The number of batches in an epoch, the same on every rank."""
        return self._batches

    @property
    def epoch(self) -> int:
        """The number of the epoch that is read, or else of the next one; the first is 0."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Read this epoch next, from its beginning. If a state of this very epoch was just loaded, go on from there."""
        epoch = _integer("epoch", epoch, 0, _MOST_EPOCHS)
        if epoch != self._epoch or self._is_used:
            self._move_to(epoch, 0)

    def _move_to(self, epoch: int, batch: int) -> None:
        self._epoch, self._batch, self._is_used, self._running = epoch, batch, False, None

    def __iter__(self) -> Iterator[Any]:
        """The batches of the next epoch, or the rest of the epoch whose state was loaded.

        An iteration that was left early counts as an epoch.
        """
        _refuse_workers()
        if self._is_used:
            self._move_to(self._epoch + 1, 0)
        epoch, first = self._epoch, self._batch
        running = self._running = object()
        feed, selection = self._feed(), self._selection()
        selections = (selection(epoch, *self._part(number)) for number in range(first, self._batches))
        try:
            batches = feeds.batches(feed, selections, self._in_advance)
            for number in range(first, self._batches):
                try:
                    batch = next(batches)
                    if self._transform is not None:
                        batch = self._transform(batch)
                except Exception as error:
                    note(error, f"batch {number} of epoch {epoch}: {self._described(epoch, number)}")
                    raise
                if self._running is running:
                    self._batch, self._is_used = number + 1, True
                yield batch
        finally:
            feed.close()
        if self._running is running:
            self._move_to(epoch + 1, 0)

    def _part(self, number: int) -> tuple[int, int]:
        """The positions of this rank's part of a global batch."""
        start = number * self.batch_size
        size = min(self.batch_size, len(self._order) - start)
        return start + size * self.rank // self.world_size, start + size * (self.rank + 1) // self.world_size

    @property
    def _in_advance(self) -> int:
        return feeds.in_advance(self.batch_size // self.world_size, self._threads, self._ahead)

    @property
    def _data(self) -> list[Any]:
        return [each.data for each in self._sources]

    def _feed(self) -> feeds.Feed:
        first = self._data[0]
        if self.plan is not None and not plans.is_of_indices(self.plan):
            return feeds.Calls(self._read_pieces, None)
        if self._is_read_by_threads:
            source = sources.opened(self._data, self._pad, self._dtype)
            return feeds.threads(source, self._order, self._threads, self._ahead)
        return feeds.Calls(sources.reader(first, self._pad, self._dtype), getattr(first, "prefetch", None))

    @property
    def _is_read_by_threads(self) -> bool:
        return all(map(sources.is_read_by_threads, self._data))

    def _read_pieces(self, entries: NDArray[np.int64]) -> Any:
        plan: Any = self.plan
        options = {} if self._dtype is None else {"dtype": self._dtype}
        return plan.read(self._data[0], entries, **options)

    def _selection(self) -> Callable[[int, int, int], Any]:
        """What tells the feed which samples to read: from an epoch and a range of positions."""
        order, plan = self._order, self.plan
        if plan is not None:
            if plans.is_of_indices(plan):
                return lambda *place: plans.take(plan, order.draws(*place)[1])
            return lambda *place: order.draws(*place)[1]
        if self._is_read_by_threads:
            return lambda *place: place
        return lambda *place: order.draws(*place)[1]

    def _described(self, epoch: int, number: int) -> str:
        """The samples of a batch, for an error."""
        drawn, indices = self._order.draws(epoch, *self._part(number))
        what = "samples" if self.plan is None else "entries of the plan"
        if len(self._sources) == 1:
            return f"{what} {_listed(indices)}"
        parts = (
            f"{each.name!r} {_listed(indices[drawn == place])}" for place, each in enumerate(self._sources)
        )
        return f"{what} of {', of '.join(parts)}"

    @property
    def spec(self) -> Any:
        """What a batch looks like before `transform`: an `ArraySpec` in the place of every array, and of every list of texts.

        An axis is None if its length varies. `tf.TensorSpec(*spec)` makes a signature for `tf.data` of it.
        """
        if self.plan is not None and not plans.is_of_indices(self.plan):
            raise ValueError("there is no spec for a plan of pieces of samples")
        share, rest = self.batch_size // self.world_size, len(self._order) % self.batch_size
        is_fixed = self.plan is None and (self.drop_last or not rest)
        return sources.spec(self._data[0], share if is_fixed else None, self._pad, self._dtype)

    @cached_property
    def _facts(self) -> state.Facts:
        found = [[count, self._fingerprint(number, count)] for number, count in enumerate(self._counted)]
        selection = hashlib.sha256()
        for number, each in enumerate(self._sources):
            selection.update(f"{each.name!r} {each.weight} {self._selected.fingerprint(number)};".encode())
        plan = plans.fingerprint(self.plan)
        if plan:
            selection = hashlib.sha256()
        return state.Facts(self.batch_size, self.shuffle, found, selection.hexdigest()[:16], plan)

    @property
    def _counted(self) -> list[int]:
        """How many of the first samples of each source take part."""
        if self.plan is not None:
            return [plans.samples(self.plan, self._lens[0])]
        return [self._selected.reach(number) for number in range(len(self._sources))]

    def _fingerprint(self, number: int, count: int) -> str:
        """A hash of the first `count` samples of a source."""
        return sources.fingerprint(self._data[number], count)

    def state_dict(self) -> dict[str, Any]:
        """How far the run is: a dict of at most 1 kB that JSON can hold.

        It counts the batches that were yielded, not those that were filled ahead. It is the same on all ranks, and holds on
        any number of ranks that divides the batch size.

        >>> loader = Loader(np.arange(10), batch_size=2, shuffle=True)
        >>> for batch in loader:
        ...     saved = loader.state_dict()
        ...     break
        >>> resumed = Loader(np.arange(10), batch_size=2, shuffle=True)
        >>> resumed.load_state_dict(saved)
        >>> len(list(resumed))
        4
        """
        is_over = self._batch == self._batches > 0
        epoch, batch = (self._epoch + 1, 0) if is_over else (self._epoch, self._batch)
        return state.dump(state.Place(self.seed, epoch, batch), self._facts)

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on where the loader was that gave this state. The next iteration yields the rest of its epoch.

        The seed becomes that of the state, which carries on the order of the run, whatever the `seed` of this loader is.
        `batch_size`, `shuffle`, `indices`, `plan`, and the sources with their weights must be the same. Everything else may
        differ: `rank` and `world_size`, `drop_last`, which decides about the last batch of each epoch alone, and what is made
        of the samples of a batch, such as `pad`.

        Raises:
            ValueError: another dataset, plan, batch size or order; the message says what differs. Also if a dataset has
                grown since: `indices=range(n)` goes on with the samples that were there.
        """
        names = [each.name for each in self._sources]
        place = state.load(saved, names, self._facts, self._batches, self._fingerprint)
        self.seed = place.seed
        self._selected, self._order = self._selected.with_seed(self.seed), self._order.with_seed(self.seed)
        self._move_to(place.epoch, place.batch)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, ({**self._given, "seed": self.seed}, (self._epoch, self._batch, self._is_used))

    def __repr__(self) -> str:
        what = "mixture" if len(self._sources) > 1 else type(self._sources[0].data).__name__
        return (
            f"<Loader of {what}: {self._batches} batches of {self.batch_size}, epoch {self._epoch}, "
            f"rank {self.rank} of {self.world_size}>"
        )

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """A subclass that PyTorch takes for an `IterableDataset`, once PyTorch is there."""
        return _torch_class() or Loader


def _restored(given: dict[str, Any], place: tuple[int, int, bool]) -> Loader:
    """What a pickle of a loader is made again from."""
    loader = Loader(**given)
    loader._epoch, loader._batch, loader._is_used = place
    return loader


def _torch_class() -> type | None:
    data = sys.modules.get("torch.utils.data")
    base = getattr(data, "IterableDataset", None)
    return None if base is None else _subclass(base)


@cache
def _subclass(base: type) -> type:
    return type("Loader", (Loader, base), {})


def _refuse_workers() -> None:
    data: Any = sys.modules.get("torch.utils.data")
    if data is not None and data.get_worker_info() is not None:
        raise RuntimeError(
            "every worker of the DataLoader would read all batches: pass num_workers=0, the loader has its own threads"
        )


def _integer(name: str, value: int, least: int, end: int | None = None) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r}") from None
    if number < least or (end is not None and number >= end):
        bounds = f"at least {least}" if end is None else f"from {least} to {end - 1}"
        raise ValueError(f"{name} must be {bounds}, not {number}")
    return number


def _as_range(indices: Any, count: int) -> Any:
    """A slice as a range, which takes no memory."""
    return range(*indices.indices(count)) if isinstance(indices, slice) else indices


def _listed(indices: NDArray[np.int64]) -> str:
    return np.array2string(indices, separator=", ", threshold=_LISTED, max_line_width=10**6)
