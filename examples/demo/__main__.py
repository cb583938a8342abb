"""Converts images and texts into maps and records, reads them back, and compares them with the files.

    python examples/demo [--images FOLDER] [--texts FOLDER] [--out FOLDER]

By default, the images are crops of the photographs that come with scikit-image, and the texts are the source files of
Python's standard library.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter

import draw
import labelled
import sources
from convert import Converted, Difference, NoSamples, check, convert
from kinds import IMAGES, TEXTS, Kind
from measure import measure
from report import report


def main() -> int:
    args = arguments()
    # File names may contain characters that the console cannot encode.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        demonstrate(args.images, args.texts, args.out)
    except NoSamples as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except Difference as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", help="your own images, in any format that Pillow opens"
    )
    parser.add_argument("--texts", type=Path, metavar="FOLDER", help="your own texts, in UTF-8")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default=Path("build/demo"),
        help="where to write maps, table and pictures (%(default)s)",
    )
    return parser.parse_args()


def demonstrate(images: Path | None, texts: Path | None, out: Path) -> None:
    """Run the whole demonstration; the arguments are folders."""
    texts = own_files(texts, out) if texts else sources.standard_library()
    images = own_files(images, out) if images else sources.crops(out / "images")
    all_converted = [stored(IMAGES, images, out), stored(TEXTS, texts, out)]
    for converted in all_converted:
        checked(converted)
    print("Measuring each method in a separate process ...", flush=True)
    results = {each.kind.name: measure(each, out / f"{each.kind.name}.json") for each in all_converted}
    counts = {each.kind.name: len(each.sources) for each in all_converted}
    trained = with_labels(all_converted[0], out)
    show(f"{report(results)}\n\n{trained}", out / "results.md")
    draw.chart(results, counts, out / "chart.png")
    print(f"Pictures: {out / 'chart.png'} and {out / 'contact_sheet.png'}; the tables: {out / 'results.md'}")
    print(f"What a notebook shows of the records: {out / 'records.html'}")
    parts = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    print(f"All {sum(counts.values()):,} samples are equal to their sources: {parts}.")


def with_labels(images: Converted, out: Path) -> str:
    """Store, check and draw images with their names and labels, and read an epoch of them; return what is reported."""
    folder = out / "maps" / "records"
    print(f"Storing the images with their names and labels in {folder}", flush=True)
    stored = labelled.store(images, folder)
    labelled.check(stored, images)
    draw.contact_sheet(stored, out / "contact_sheet.png")
    (out / "records.html").write_text(stored._repr_html_(), encoding="utf-8")
    return labelled.report(*labelled.train(stored))


def own_files(folder: Path, out: Path) -> list[Path]:
    """The files in one of the user's folders, without those that the demonstration writes."""
    if not folder.is_dir():
        raise NoSamples(f"{folder} is not a folder")
    files = sources.files_in(folder, without=(out,))
    if not files:
        raise NoSamples(f"{folder} has no files")
    return files


def stored(kind: Kind, files: list[Path], out: Path) -> Converted:
    map_folder = out / "maps" / kind.name
    print(f"Converting {len(files):,} files into {map_folder}", flush=True)
    converted = convert(kind, files, map_folder)
    if skipped := converted.skipped:
        print(f"  skipped {len(skipped):,} that cannot be read as {kind.name}: {first_names(skipped)}")
    return converted


def first_names(files: list[Path]) -> str:
    return ", ".join([*(file.name for file in files[:3]), *["..."] * (len(files) > 3)])


def checked(converted: Converted) -> None:
    start = perf_counter()
    print(f"Checking all {converted.kind.name} against their sources, in order and shuffled", flush=True)
    check(converted)
    print(f"  equal ({perf_counter() - start:.1f} s)")


def show(text: str, file: Path) -> None:
    print(f"\n{text}\n")
    file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
