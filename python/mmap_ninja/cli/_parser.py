"""The argument parser. A command is a module of this package with a docstring, `EXAMPLES`, `add_arguments` and `run`."""

import argparse
from importlib import import_module
from typing import Any, NoReturn

from mmap_ninja._core import __version__
from mmap_ninja._display.format import escape

COMMANDS = ("info", "head", "verify", "repair", "checksum", "concat", "subset", "convert", "export", "card")

DESCRIPTION = "Inspect, check, join, divide, create and export datasets in memory-mapped files."
EPILOG = """\
examples:
  mmap-ninja info images                  show what a dataset contains
  mmap-ninja head -n 3 texts              show the first samples
  mmap-ninja convert -j 8 photos images   convert a folder of files

Run `mmap-ninja COMMAND --help` for the details of a command. The exit status
is 0 on success, 1 if something is wrong with a dataset or a file, and 2 if the
arguments are wrong.
"""


class Parser(argparse.ArgumentParser):
    """Reports wrong arguments in one line that refers to the help of the command."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"mmap-ninja: {escape(message)}; see `{self.prog} --help`\n")


def build_parser() -> Parser:
    """Build the parser of all commands, which stores the function of the chosen one as `run`."""
    parser = Parser(
        prog="mmap-ninja",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mmap-ninja {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        command = import_module(f"mmap_ninja.cli.{name}")
        description = (command.__doc__ or name).rstrip()  # `python -OO` removes docstrings.
        summary = description.partition("\n")[0]
        subparser = subparsers.add_parser(
            name,
            help=summary[0].lower() + summary[1:].rstrip("."),
            description=description,
            epilog=f"examples:\n{command.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser
