"""Datasets from what others have made: folders of files, tables, tars, arrays and tokens. Each format is a module."""

import os
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mmap_ninja import _core, _fields, _paths
from mmap_ninja._typing import AnyPath, Durability

if TYPE_CHECKING:
    from mmap_ninja._bulk import Stored


def convert(
    source: AnyPath,
    out_dir: AnyPath,
    kind: str | None = None,
    fields: Iterable[str] | None = None,
    labels: AnyPath | None = None,
    glob: Sequence[str] | None = None,
    mode: str | None = None,
    size: tuple[int, int] | None = None,
    dtype: Any = None,
    on_error: str = "stop",
    n_threads: int = 1,
    verbose: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    durability: Durability = "process",
    timeout: float = 60.0,
    locking: bool = True,
) -> "Stored":
    """Make a dataset of what others have made, as `mmap-ninja convert` does. The source streams through.

    - A folder of images, texts or .npy files: records of `image`, `text` or `array`, and `name`.
    - `.parquet`, `.arrow`, `.jsonl`: what `from_arrow` makes of the columns; images of Hugging Face's `datasets` are decoded.
    - WebDataset `.tar`: records of `__key__`, and a field for each extension.
    - `.npz`, `.npy`: a dense field for each array, whose rows are samples.
    - `.bin` and `.idx` of Megatron: a `RaggedMmap` of the sequences.
    - A flat file of tokens, with `dtype`: a `RaggedMmap` with one sample for each file.

    Args:
        source: the path of a folder or file, or a glob of several, read in natural order: `2.tar` before `10.tar`.
        out_dir: the directory; parents are created. A dataset that is replaced stays until the new one is complete.
        kind: what the source is, if it cannot be told: 'images', 'texts', 'arrays', 'parquet', 'arrow', 'jsonl', 'webdataset',
            'rows' of .npz and .npy files, 'megatron' or 'tokens'.
        fields: the columns, extensions or arrays to store; all by default. `json.label` is a value of the objects in the
            .json members of a tar.
        labels: of a folder: 'folders', or a .csv or .jsonl file.
        glob: of a folder: patterns, one of which the name of a file must match.
        mode: convert images to 'L', 'RGB' or 'RGBA'.
        size: resize images to (width, height).
        dtype: that of a flat file of tokens, such as 'uint16'.
        on_error: 'skip' leaves out files, samples and lines that cannot be read, and rows of tables with a null, with a
            warning that names each; 'stop' raises.
        n_threads: the threads that decode images and read files.
        verbose: show a progress bar.
        resume: go on from what an interrupted or failed call has left in `<out_dir>.partial`. Options and files must be
            the same; the file that stopped it, and those behind it, may have been mended.
        overwrite: replace the dataset in `out_dir`; otherwise, one that is there is a FileExistsError.
        durability: 'process' makes stored data survive a killed process; 'full' also a power failure.
        timeout: seconds to wait for another writer.
        locking: False turns off the lock on file systems that have none, where a single process writes; the environment
            variable MMAP_NINJA_LOCKING=off does the same.

    Returns:
        The dataset, opened for writing.

    Raises:
        ValueError: it cannot be told what the source is, or it is damaged; the message names the file and the member. Samples
            before it are safe in `<out_dir>.partial`. What is to be resumed was begun with other options or files.
            `out_dir` holds other files, and no dataset.
        TypeError: no field can hold a column's type.
        FileNotFoundError: there is no such file.
        FileExistsError: there is a dataset in `out_dir`, and `overwrite` is False.
        ImportError: a package is not installed; the message has the line that installs it.

    >>> np.savez("train.npz", x=np.zeros((3, 2), np.float32), label=[3, 5, 8])
    >>> convert("train.npz", out_dir)[1]
    {'x': array([0., 0.], dtype=float32), 'label': np.int64(5)}
    """
    from mmap_ninja._convert.formats import prepare
    from mmap_ninja._convert.request import Destination, Request
    from mmap_ninja.generic import open_existing

    if on_error not in ("stop", "skip"):
        raise ValueError(f"on_error must be 'stop' or 'skip', not {on_error!r}")
    if not isinstance(source, (str, bytes, os.PathLike)):
        what = f"a path, or a glob of several files such as 'shards/*.tar', not {type(source).__name__}"
        raise TypeError(f"source must be {what}")
    if isinstance(glob, str):
        raise TypeError(f"glob must be a list of patterns, not the str {glob!r}")
    request = Request(
        source=os.fsdecode(source),
        out_dir=os.fspath(_paths.local(out_dir)),
        kind=kind,
        fields=None if fields is None else _fields.names(fields),
        glob=glob,
        labels=None if labels is None else os.fsdecode(labels),
        mode=mode,
        size=size,
        dtype=dtype,
        skips=on_error == "skip",
        jobs=n_threads,
    )
    options = _core.Options(durability=durability, timeout=timeout, locking=locking)
    told, conversion = prepare(request, overwrite)
    conversion.store(Destination(request.out_dir, options, verbose, overwrite, resume))
    for note in (*conversion.notes, *told.notes):
        warnings.warn(note, RuntimeWarning, stacklevel=2)
    stored: Stored = open_existing(out_dir, mode="r+")
    return stored
