"""The commands and what they have in common."""

import argparse
from typing import Any, NoReturn

from mmap_ninja._core import __version__
from mmap_ninja._show import clean

DESCRIPTION = "Look at data sets in memory-mapped files, check, join and make them."
EPILOG = """\
examples:
  mmap-ninja info images                  what is in there
  mmap-ninja head -n 3 texts              the first samples
  mmap-ninja convert -j 8 photos images   a folder of files to a data set

`mmap-ninja COMMAND --help` tells more. The exit status is 0 where all is well,
1 where something is wrong with a data set or a file, 2 for wrong usage.
"""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments, and which command's help tells more."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"mmap-ninja: {clean(message)}; see `{self.prog} --help`\n")


def parser() -> Parser:
    """The parser of all arguments; what it returns has the command as `run`."""
    from mmap_ninja.cli import checksum, concat, convert, head, info, repair, verify

    top = Parser(
        prog="mmap-ninja",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"mmap-ninja {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (info, head, verify, repair, checksum, concat, convert):
        name = command.__name__.rpartition(".")[2]
        # `python -OO` takes the docstrings away.
        summary, _, description = (command.__doc__ or name).partition("\n\n")
        command_parser = commands.add_parser(
            name,
            help=summary[0].lower() + summary[1:].rstrip("."),
            description=f"{summary}\n\n{description}".rstrip(),
            epilog=f"examples:\n{command.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(command_parser)
        command_parser.set_defaults(run=command.run)
    return top


def natural(text: str) -> int:
    """A number of at least 0."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def positive(text: str) -> int:
    """A number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


natural.__name__, positive.__name__ = "number", "number"
