"""Which sources are understood, and how one is told from another."""

import errno
import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from stat import S_ISREG

from mmap_ninja import _build, _paths
from mmap_ninja._convert import arrays, images, samples, tables, tokens, webdataset
from mmap_ninja._convert.conversion import Conversion
from mmap_ninja._convert.files import find_files, natural_key
from mmap_ninja._convert.folder import TABLES, FolderConversion
from mmap_ninja._convert.request import Request
from mmap_ninja._display.format import pluralize


@dataclass(frozen=True)
class Format:
    """A kind of source.

    Attributes:
        what: what it is called in messages.
        extensions: those of its files, in lower case.
        choices: the attributes of a request that mean something for it.
        open: makes a conversion of files.
    """

    what: str
    extensions: frozenset[str]
    choices: frozenset[str]
    open: Callable[[Request, Sequence[str]], Conversion]

    def matches(self, file: str | Path) -> bool:
        """Whether a file has an extension of this format."""
        return os.path.splitext(file)[1].casefold() in self.extensions


def _format(what: str, extensions: str, choices: str, open_: Callable[..., Conversion]) -> Format:
    return Format(what, frozenset(extensions.split()), frozenset(choices.split()), open_)


def _images(request: Request, files: Sequence[str]) -> Conversion:
    kind = samples.images_of(images.Decoder(request.mode, request.size))
    return FolderConversion(request, list(map(Path, files)), kind)


def _of_folder(kind: samples.SampleKind, request: Request, files: Sequence[str]) -> Conversion:
    return FolderConversion(request, list(map(Path, files)), kind)


def _tables(extension: str) -> Callable[[Request, Sequence[str]], Conversion]:
    return partial(tables.TablesConversion, extension=extension)


_TEXTS, _ARRAYS = partial(_of_folder, samples.TEXTS), partial(_of_folder, samples.ARRAYS)
FORMATS = {
    "images": Format("images", images.EXTENSIONS, frozenset(("glob", "labels", "mode", "size")), _images),
    "texts": _format("texts", ".md .rst .text .txt", "glob labels", _TEXTS),
    "arrays": _format("arrays", ".npy", "glob labels", _ARRAYS),
    "parquet": _format("Parquet files", ".parquet", "glob fields mode size", _tables(".parquet")),
    "arrow": _format("Arrow files", ".arrow", "glob fields mode size", _tables(".arrow")),
    "jsonl": _format("JSON lines", ".jsonl", "glob fields", _tables(".jsonl")),
    "webdataset": _format(
        "WebDataset tars", ".tar", "glob fields mode size", webdataset.WebDatasetConversion
    ),
    "rows": _format("arrays of rows", ".npy .npz", "glob fields", arrays.ArraysConversion),
    "megatron": _format("a pair of Megatron", ".bin .idx", "", tokens.MegatronConversion),
    "tokens": _format("flat files of tokens", ".bin", "dtype", tokens.FlatConversion),
}
# Those of which each file of a folder is a sample.
FOLDERS = ("images", "texts", "arrays")
# Those that can be told in a folder, and whose files of other formats there accompany others: labels and READMEs.
_IN_FOLDERS = (*FOLDERS, "parquet", "arrow", "webdataset", "jsonl")
_COMPANIONS = {"texts": ("parquet", "arrow", "webdataset", "arrays"), "jsonl": _IN_FOLDERS[:-1]}
UNDERSTOOD = (
    "folders of images, texts or .npy files; .parquet, .arrow and .jsonl files; WebDataset .tar files; .npz and .npy files; "
    "the .bin and .idx files of Megatron; and, with a dtype, flat files of tokens"
)


@dataclass(frozen=True)
class Told:
    """What a source is.

    Attributes:
        files: those that are converted.
        others: the number of files in the folder that are not.
    """

    kind: str
    files: list[str]
    others: int = 0

    @property
    def format(self) -> Format:
        return FORMATS[self.kind]

    def open(self, request: Request) -> Conversion:
        """The conversion, of which nothing is written yet."""
        request.check_choices(self.format.what, self.format.choices)
        conversion = self.format.open(request, self.files)
        conversion.origin = _build.Origin(request.deciding(self.kind), self.files)
        return conversion

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know about the other files."""
        if not self.others:
            return ()
        return [
            f"converted only {self.format.what}, by extension; skipped {pluralize(self.others, 'other file')}"
        ]


def prepare(request: Request, overwrite: bool) -> tuple[Told, Conversion]:
    """Tell what a source is, and make its conversion. Nothing is written."""
    if not overwrite:
        _build.refuse_existing(request.out_dir)
    if os.path.realpath(request.source) == os.path.realpath(request.out_dir):
        raise ValueError(f"{request.out_dir}: this is the source; choose another directory for the dataset")
    _paths.check_vacant(request.out_dir)
    told = tell(request)
    return told, told.open(request)


def tell(request: Request) -> Told:
    """Tell what a source is.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be told.
    """
    if request.kind not in (None, *FORMATS):
        raise ValueError(f"kind must be one of {', '.join(FORMATS)}, not {request.kind!r}")
    if os.path.isdir(request.source):
        return _tell_folder(request)
    if request.kind in FOLDERS:
        raise ValueError(f"{request.source}: {FORMATS[request.kind].what} are converted from a folder")
    files = _files(request.source)
    kind = request.kind or _kind_of_files(request, files)
    for file in files if kind != "megatron" else ():
        if not S_ISREG(os.stat(file).st_mode):  # Reading a FIFO would wait for a writer.
            raise ValueError(f"{file}: not a regular file")
    return Told(kind, tokens.pair_of(files[0]) if kind == "megatron" and len(files) == 1 else files)


def _files(source: str) -> list[str]:
    if os.path.lexists(source) or tokens.is_pair(source):
        return [source]
    if found := glob.glob(source, recursive=True):
        return sorted(found, key=lambda file: natural_key(Path(file)))
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), source)


def _kind_of_files(request: Request, files: Sequence[str]) -> str:
    if request.dtype is not None:
        return "tokens"
    if tokens.is_pair(files[0]):
        return "megatron"
    for name, each in FORMATS.items():
        if name not in (*FOLDERS, "megatron") and all(map(each.matches, files)):
            return name
    raise ValueError(f"{request.source}: it cannot be told what this is; understood are {UNDERSTOOD}")


def _tell_folder(request: Request) -> Told:
    folder = Path(request.source)
    if (folder / "dataset_dict.json").is_file():
        raise ValueError(
            f"{folder}: it holds the splits of a dataset of Hugging Face; give one of its folders"
        )
    found = find_files(folder, request.glob or ["*"], exclude=Path(request.out_dir))
    table = None if request.labels is None else os.path.realpath(request.labels)
    found = [file for file in found if file.suffix not in TABLES or os.path.realpath(file) != table]
    kind = request.kind or _kind_in_folder(found, folder)
    takes_all = request.kind and request.glob
    files = found if takes_all else [file for file in found if FORMATS[kind].matches(file)]
    if kind == "arrow" and not takes_all:  # What `datasets` caches beside its data.
        files = [file for file in files if not file.name.startswith("cache-")]
    if not files:
        raise ValueError(f"{folder}: no files to convert; understood are {UNDERSTOOD}")
    return Told(kind, list(map(str, files)), len(found) - len(files))


def _kind_in_folder(files: Sequence[Path], folder: Path) -> str:
    """Tell the kind by the extensions; an error if there are several."""
    present = {name for name in _IN_FOLDERS if any(map(FORMATS[name].matches, files))}
    kinds = [
        name for name in _IN_FOLDERS if name in present and present.isdisjoint(_COMPANIONS.get(name, ()))
    ]
    if len(kinds) > 1:
        raise ValueError(f"{folder}: there are both {' and '.join(kinds)}; choose by 'kind' or 'glob'")
    return kinds[0] if kinds else _IN_FOLDERS[0]
