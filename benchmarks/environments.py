"""Where things run: the original and the peers in environments of their own, the library as it is now.

The library is copied, so that a build in the meantime does not change what is measured.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.settings import ROOT, WORK

ORIGINAL = ("mmap_ninja==0.9.0", "mmap_ninja_dataframe==0.4.4", "zstandard", "pillow", "joblib")
PEERS = ("lmdb", "pyarrow", "h5py", "bagz", "datasets", "pylance", "vortex-data")
SYSTEM_PYTHON = "/usr/bin/python3"
NEWEST_TORCH = ROOT / "build" / "torch-newest" / "bin" / "python"


@dataclass(frozen=True)
class Environment:
    """An interpreter, and folders with modules that come before its own."""

    python: Path | str
    folders: tuple[Path, ...] = ()

    def command(self, *args: str) -> list[str]:
        return [str(self.python), *args]

    def variables(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, self.folders)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore",
            "OPENBLAS_NUM_THREADS": "1",
            "HF_HOME": str(WORK / "huggingface"),
            "HF_HUB_OFFLINE": "1",
            "TQDM_DISABLE": "1",
        }


def set_up() -> dict[str, Environment]:
    """All environments, by name. `torch` and `torch, original` are there if the system's Python has torch, and `torch, newest`
    after `make test-torch-newest`.
    """
    library, native = WORK / "ours", build_native()
    _copy_packages(library, "mmap_ninja")
    original = _virtual("original", *ORIGINAL)
    environments = {
        "ours": Environment(sys.executable, (library, native)),
        "original": Environment(original),
        "peers": Environment(_virtual("peers", *PEERS)),
    }
    if _imports(SYSTEM_PYTHON, "torch"):
        copied = WORK / "original-alone"
        _copy_packages(copied, "mmap_ninja", "tqdm", python=original)
        environments["torch"] = Environment(SYSTEM_PYTHON, (library,))
        environments["torch, original"] = Environment(SYSTEM_PYTHON, (copied,))
    if _imports(str(NEWEST_TORCH), "torch"):
        environments["torch, newest"] = Environment(NEWEST_TORCH, (library,))
    return environments


def _virtual(name: str, *packages: str) -> Path:
    """The interpreter of an environment with these packages and the NumPy that runs here."""
    folder, wanted = WORK / name, [f"numpy=={np.__version__}", *packages]
    python, listing = folder / "bin" / "python", folder / "packages.json"
    if listing.exists() and json.loads(listing.read_text()) == wanted:
        return python
    print(f"Setting up {folder.relative_to(ROOT)}: {', '.join(packages)}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    for package in wanted:
        done = subprocess.run([python, "-m", "pip", "install", "-q", package], check=False)
        if done.returncode:
            print(f"  {package} cannot be installed; it is left out", flush=True)
    listing.write_text(json.dumps(wanted))
    return python


def _copy_packages(target: Path, *packages: str, python: str | Path = sys.executable) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for package in packages:
        shutil.copytree(
            _folder_of(package, python), target / package, ignore=shutil.ignore_patterns("__pycache__")
        )


def _folder_of(package: str, python: str | Path) -> str:
    if python == sys.executable:
        return importlib.util.find_spec(package).submodule_search_locations[0]
    code = f"import importlib.util as u; print(u.find_spec({package!r}).submodule_search_locations[0])"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _imports(python: str, module: str) -> bool:
    command = [python, "-c", f"import {module}"]
    return Path(python).exists() and subprocess.run(command, check=False, capture_output=True).returncode == 0


def build_native() -> Path:
    """Compile the C sources; the folder that they are in then."""
    folder, sources = WORK / "native", ROOT / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    headers = ["-I", np.get_include(), "-I", sysconfig.get_path("include")]
    compiler = ["gcc", "-O2", "-shared", "-fPIC"]
    subprocess.run([*compiler, *headers, sources / "floor.c", "-o", folder / "floor.so"], check=True)
    for name in "resident", "direct", "loads":
        subprocess.run([*compiler, sources / f"{name}.c", "-o", folder / f"{name}.so"], check=True)
    return folder


def versions(environments: dict[str, Environment]) -> dict[str, str]:
    """The versions of all that takes part."""
    found = {"mmap_ninja (this library)": version("mmap_ninja"), "mmap_ninja (the original)": "0.9.0"}
    names = ("numpy", *PEERS)
    code = (
        "import importlib.metadata as m, json; "
        f"names = {{d.metadata['Name']: d.version for d in m.distributions()}}; "
        f"print(json.dumps({{n: names[n] for n in {names!r} if n in names}}))"
    )
    found |= json.loads(_output(environments["peers"], code))
    for name in "torch", "torch, newest":
        if name in environments:
            code = "import torch, numpy; print(f'{torch.__version__} (with NumPy {numpy.__version__})')"
            found[name] = _output(environments[name], code).strip()
    return found


def _output(environment: Environment, code: str) -> str:
    command = environment.command("-c", code)
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment.variables()
    ).stdout
