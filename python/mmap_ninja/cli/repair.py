"""Show how to repair a damaged dataset, or repair it with --apply.

An interrupted append is finished or undone. Otherwise the committed samples
are kept or, if some are missing, the longest intact prefix. Bytes that are cut
or overwritten are saved next to DIR, in DIR.repair-backup-1.

Close the dataset in other programs first. The exit status is 1 if there is
something to repair or, with --apply, if damage remains.
"""

import argparse

from mmap_ninja import repair
from mmap_ninja.cli._common import add_dir, print_outcome

EXAMPLES = """\
  mmap-ninja repair images       show what would be done
  mmap-ninja repair --apply images
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_dir(parser)
    parser.add_argument("--apply", action="store_true", help="repair the dataset")


def run(arguments: argparse.Namespace) -> int:
    outcome = repair(arguments.dir, apply=arguments.apply)
    print_outcome(outcome, [*outcome.actions, *outcome.problems, *outcome.kept])
    is_sound = outcome.ok and (arguments.apply or not outcome.actions)
    return 0 if is_sound else 1
