"""Runs the suites and writes what came of them."""

import argparse
import shutil
from importlib import import_module
from pathlib import Path
from time import perf_counter

from benchmarks import environments, machine
from benchmarks.results import Results
from benchmarks.rounds import Runner
from benchmarks.settings import DOCS, FULL, QUICK, ROOT, WORK, Settings

SUITES = (
    "instructions",
    "rust",
    "building",
    "conversion",
    "scale",
    "growing",
    "items",
    "access",
    "opening",
    "batches",
    "large",
    "plans",
    "records",
    "training",
    "headline",
    "cold",
    "loading",
)


def main() -> None:
    args = arguments()
    settings = QUICK if args.quick else FULL
    # A trial leaves the published figures alone.
    docs = WORK / "docs" if args.quick else DOCS
    file = docs / "benchmarks" / "results.json"
    if not args.page:
        run(settings, args.only or SUITES, file, is_whole=not args.only)
    from benchmarks.pages import write

    write(Results.load(file), docs)
    show(f"The page: {docs.relative_to(ROOT)}/benchmarks.md")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data and few repeats, to try it out")
    parser.add_argument("--only", nargs="+", choices=SUITES, metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--page", action="store_true", help="write the page again, measure nothing")
    return parser.parse_args()


def run(settings: Settings, suites: list[str], file: Path, is_whole: bool) -> None:
    """Measure, and store what was measured after every suite. A whole run makes all data anew, and leaves none."""
    if is_whole:
        shutil.rmtree(settings.data, ignore_errors=True)
    places = environments.set_up()
    known = [] if is_whole or not file.exists() else Results.load(file).measurements
    results = Results(machine.facts(settings) | environments.versions(places), known)
    start = perf_counter()
    for name in suites:
        suite = import_module(f"benchmarks.suites.{name}")
        measured = [
            each for group in suite.groups(settings) for each in Runner(group, places, report=show).run()
        ]
        results.replace(name, measured)
        results.save(file)
        show(f"{name}: done after {perf_counter() - start:.0f} s\n")
    if is_whole:
        shutil.rmtree(settings.data)


def show(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
