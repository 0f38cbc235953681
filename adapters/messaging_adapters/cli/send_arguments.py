"""The commands that read a file of requests, and their options."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Final

from messaging_adapters.cli.command_parser import Add, Parser

_STATUS: Final = (
    "exit status: 0 all accepted, 1 some refused, 2 wrong usage or configuration, "
    "130 (143, 129) ended by Ctrl-C (SIGTERM, SIGHUP)"
)
_LINES: Final = (
    "FILE holds one request on each line, as JSON in the shape of the Bird Channels API; a line "
    '{"channel": NAME, "request": {...}}, with or without "note" and "idempotencyKey", names its '
    "own channel. With --csv, FILE holds one receiver on each line, and its columns fill a template"
)


def add_send(add: Add, common: ArgumentParser) -> None:
    """Add the command that sends a file."""
    send = add(
        "send",
        parents=[common, _lines()],
        help="send requests from a file",
        description=_LINES,
        epilog=_STATUS,
    )
    send.add_argument("--no-deliver", action="store_true", help="accept only")
    send.add_argument("--dry-run", action="store_true", help="send nothing; do what `plan` does")
    send.set_defaults(run="commands.send:send")


def add_plan(add: Add, common: ArgumentParser) -> None:
    """Add the command that shows what sending a file would do."""
    plan = add(
        "plan",
        parents=[common, _lines()],
        help="show what sending a file would do",
        description=_LINES,
        epilog=_STATUS,
    )
    plan.set_defaults(run="commands.plan:plan")


def _lines() -> Parser:
    """Return what commands that read a file of requests have in common."""
    lines = Parser(add_help=False)
    lines.add_argument("--channel", metavar="NAME", help="for lines that name none")
    lines.add_argument("file", metavar="FILE", help="JSON lines, or CSV; - is standard input")
    lines.add_argument(
        "--from-line", type=_line_number, default=1, metavar="N", help="go on at this line"
    )
    lines.add_argument(
        "--idempotency-key",
        metavar="FROM",
        help="'line' accepts each line of this file once, however often it is sent within a day, "
        "as --csv always does; a JSON pointer such as /reference, or the name of a column, takes "
        "the key from that field",
    )
    _add_csv(lines)
    return lines


def _add_csv(lines: ArgumentParser) -> None:
    columns = lines.add_argument_group("CSV, whose first line names the columns")
    columns.add_argument("--csv", action="store_true", help="FILE is CSV")
    columns.add_argument("--template", metavar="NAME", help="what the columns fill; required")
    columns.add_argument("--to", metavar="COLUMN", help="whom it goes to (default: to)")
    columns.add_argument("--locale", metavar="COLUMN", help="the language of the template")
    columns.add_argument("--tag", action="append", metavar="TAG", help="for every message")
    columns.add_argument("--encoding", metavar="NAME", help="such as cp1252 (default: utf-8)")


def _line_number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"a line number is 1 or more, not {text}")
    return int(text)
