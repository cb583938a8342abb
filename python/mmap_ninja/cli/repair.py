"""Tell what would mend a torn data set, and do it with --apply.

An append that was cut off is finished or undone; else the longest beginning
whose samples are whole stays. What is cut is kept beside DIR, in DIR.cut-1.
Close DIR in other programs first. The exit status is 1 where there is
something to mend, and with --apply where damage is left.
"""

import argparse

from mmap_ninja import repair
from mmap_ninja.cli._findings import printable

EXAMPLES = """\
  mmap-ninja repair images       what would be done
  mmap-ninja repair --apply images
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", help="the data set")
    parser.add_argument("--apply", action="store_true", help="do it")


def run(arguments: argparse.Namespace) -> int:
    outcome = repair(arguments.dir, apply=arguments.apply)
    print(printable(outcome, [*outcome.actions, *outcome.problems, *outcome.kept]))
    is_sound = outcome.ok and (arguments.apply or not outcome.actions)
    return 0 if is_sound else 1
