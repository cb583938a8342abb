"""The Rust side, through criterion: `benches/items.rs`."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.rounds import Case, Group
from benchmarks.settings import ROOT, Settings

SUITE = "rust"
BENCHES = (
    "Ragged::get, 1-D",
    "Ragged::get, 3-D",
    "Strings::get",
    "Dense::row",
    "Ragged::gather, 256 sequences",
    "Ragged::padded, 256 sequences",
)
WHO = "this library"


def groups(settings: Settings) -> list[Group]:
    cases = [Case(name, WHO, "ours", f"{__name__}:estimate", {"name": name}) for name in BENCHES]
    prepare = [("ours", f"{__name__}:run", {"is_quick": settings.name == "quick"})]
    return [Group(SUITE, cases, rounds=1, fresh=True, prepare=prepare)]


def target() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"), "criterion")


def run(is_quick: bool) -> None:
    """Run all benches; what an earlier run found is forgotten."""
    shutil.rmtree(target(), ignore_errors=True)
    times = (
        ["--warm-up-time", "0.3", "--measurement-time", "0.6"] if is_quick else ["--measurement-time", "3"]
    )
    command = ["cargo", "bench", "-q", "--bench", "items", "--", "--noplot", *times]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"cargo bench: {done.stderr.strip().splitlines()[-1]}")


def estimate(name: str) -> dict[str, float]:
    """The median that criterion found."""
    # Criterion replaces what a file's name may not have.
    for file in target().glob("*/new/benchmark.json"):
        if json.loads(file.read_text())["full_id"] == name:
            return {
                "ns": json.loads(file.with_name("estimates.json").read_text())["median"]["point_estimate"]
            }
    raise FileNotFoundError("cargo bench has not measured it")
