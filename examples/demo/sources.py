"""Finds the files to convert: the user's own, or files that come with installed packages."""

import os
import shutil
import sysconfig
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from tqdm.auto import trange

# The photographs in scikit-image's wheel; it would download the others.
PHOTOGRAPHS = (
    "astronaut",
    "camera",
    "chelsea",
    "coffee",
    "coins",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
    "retina",
    "rocket",
    "brick",
    "grass",
    "gravel",
)
CROPS = 3000
SIDES = (128, 288)


def files_in(folder: Path, suffix: str = "", without: tuple[Path, ...] = ()) -> list[Path]:
    """All files below a folder, sorted by path, except hidden files and those below `without`."""
    left_out = {path.resolve() for path in without}
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [
            name for name in folders if name[0] != "." and Path(parent, name).resolve() not in left_out
        ]
        found += [Path(parent, name) for name in names if name[0] != "." and name.endswith(suffix)]
    return sorted(file for file in found if file.is_file())


def standard_library() -> list[Path]:
    """The source files of Python's standard library."""
    folder = Path(sysconfig.get_path("stdlib"))
    return files_in(folder, ".py", without=(folder / "site-packages", folder / "dist-packages"))


def crops(folder: Path) -> list[Path]:
    """The same JPEG crops of scikit-image's photographs every time; writes them to `folder` if it does not exist."""
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write_crops(partial)
        partial.rename(folder)
    return files_in(folder, ".jpg")


def write_crops(folder: Path) -> None:
    random = np.random.default_rng(seed=0)
    photographs = [getattr(data, name)() for name in PHOTOGRAPHS]
    for i in trange(CROPS, desc="cutting photographs", unit=" crops"):
        which = random.integers(len(photographs))
        crop = Image.fromarray(random_crop(photographs[which], random))
        crop.save(folder / f"{i:04}_{PHOTOGRAPHS[which]}.jpg", quality=90)


def random_crop(photograph: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A random rectangle of a photograph, with side lengths in the range `SIDES`."""
    size = random.integers(*SIDES, size=2, endpoint=True)
    top, left = random.integers(0, photograph.shape[:2] - size, endpoint=True)
    return photograph[top : top + size[0], left : left + size[1]]
