"""The commands and their options."""

from argparse import SUPPRESS, ArgumentParser
from pathlib import Path
from typing import Any

from messaging_adapters.cli.command_parser import Add, Parser
from messaging_adapters.cli.send_arguments import add_plan, add_send
from messaging_core.models.messages.retention import Keep
from messaging_core.models.messages.status import Direction, Status

_DESCRIPTION = "Send, look up and cancel SMS, email and push messages from the command line."


def parser() -> ArgumentParser:
    """Return the parser of the whole command line; `run` says where a command is."""
    root = Parser(prog="messaging", description=_DESCRIPTION)
    root.set_defaults(run="")
    root.add_argument("--version", action="store_true", help="show the version")
    _add_files(root, default=None)
    add = root.add_subparsers(title="commands", metavar="COMMAND").add_parser
    _add_demo(add)
    init = add("init", help="write a messaging.toml that works as it is")
    _add_config(init, default=SUPPRESS)
    init.set_defaults(run="commands.init:init")
    common = _common()
    add_send(add, common)
    add_plan(add, common)
    _add_list(add, common)
    _add_one(add, common)
    _add_deliver(add, common)
    _add_failing(add, common)
    _add_purge(add, common)
    channels = add("channels", parents=[common], help="show the configuration")
    channels.set_defaults(run="commands.show:channels")
    check = add(
        "check",
        parents=[common],
        help="ask every provider whether it knows the credentials; sends nothing",
        epilog="exit status: 0 none has a fault, 1 a provider cannot be used or the database has"
        " damaged rows, 2 wrong usage",
    )
    check.set_defaults(run="commands.check:check")
    _add_serve(add, common)
    _add_keys(add, common)
    _add_completion(add)
    _add_transfer(add, common)
    return root


def _common() -> Parser:
    common = Parser(add_help=False)
    # What stands before the command counts, unless it is given again after it.
    _add_files(common, default=SUPPRESS)
    return common


def _add_config(to: ArgumentParser, *, default: Any) -> None:
    to.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=default,
        help="channels (default: messaging.toml)",
    )


def _add_files(to: ArgumentParser, *, default: Any) -> None:
    _add_config(to, default=default)
    to.add_argument(
        "--database",
        type=_database,
        metavar="FILE",
        default=default,
        help="SQLite file, or postgresql://… (default: as configured)",
    )


def _database(text: str) -> object:
    """Return the file or the server of `--database`; for help alone, neither is imported."""
    from messaging_adapters.config.database import database_of  # noqa: PLC0415

    return database_of(text)


def _pages() -> Parser:
    """Return what commands that list messages have in common."""
    pages = Parser(add_help=False)
    pages.add_argument("--limit", type=int, default=20, metavar="N", help="default: 20")
    pages.add_argument("--page-token", metavar="TOKEN", help="go on after an earlier list")
    pages.add_argument("--json", action="store_true", help="one JSON message on each line")
    return pages


def _add_demo(add: Add) -> None:
    demo = add("demo", help="watch examples being accepted, delivered and tracked")
    demo.add_argument(
        "--count", type=int, metavar="N", help="repeat the examples, with other receivers, N times"
    )
    demo.add_argument(
        "--folder", type=Path, metavar="DIR", help="keep the database and the messages there"
    )
    demo.add_argument(
        "--serve", action="store_true", help="then serve the database over HTTP, until Ctrl-C"
    )
    demo.set_defaults(run="demo:demo")


def _add_list(add: Add, common: ArgumentParser) -> None:
    listing = add(
        "list",
        parents=[common, _pages()],
        help="list messages, the newest first",
        description="Filters are joined by and; an option given several times by or.",
    )
    several = listing.add_argument_group("filters")
    several.add_argument("--status", action="append", choices=list(Status), metavar="STATUS")
    for name, metavar in (
        ("platform", "NAME"),
        ("channel", "NAME"),
        ("tag", "TAG"),
        ("to", "ADDRESS"),
        ("from", "ADDRESS"),
        ("reference", "TEXT"),
        ("country", "CODE"),
    ):
        several.add_argument(f"--{name}", action="append", metavar=metavar)
    several.add_argument("--subject", metavar="WORDS", help="all in the subject of an email")
    several.add_argument("--direction", choices=list(Direction))
    several.add_argument("--since", metavar="TIME", help="accepted then or later")
    several.add_argument("--until", metavar="TIME", help="accepted before; local time")
    listing.add_argument("--reverse", action="store_true", help="the oldest first")
    listing.set_defaults(run="commands.list:list_messages")


def _add_one(add: Add, common: ArgumentParser) -> None:
    show = add("show", parents=[common], help="show one message")
    show.add_argument("id", metavar="ID")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(run="commands.show:show")
    timeline = add("timeline", parents=[common], help="show what happened to one message")
    timeline.add_argument("id", metavar="ID")
    timeline.add_argument("--json", action="store_true", help="one JSON event on each line")
    timeline.set_defaults(run="commands.show:timeline")
    tail = add(
        "tail",
        parents=[common],
        help="show events as they happen, until Ctrl-C",
        description="Follow the log of events of all messages. Changes nothing, and disturbs no "
        "worker.",
    )
    tail.add_argument("--channel", action="append", metavar="NAME", help="only of this channel")
    tail.add_argument("--since", metavar="TIME", help="begin with earlier events; local time")
    tail.add_argument("--json", action="store_true", help="one JSON event on each line")
    tail.set_defaults(run="commands.tail:tail")
    cancel = add("cancel", parents=[common], help="withdraw a message that waits")
    cancel.add_argument("id", metavar="ID")
    cancel.set_defaults(run="commands.show:cancel")


def _add_deliver(add: Add, common: ArgumentParser) -> None:
    deliver = add("deliver", parents=[common], help="deliver what is due, scheduled messages too")
    deliver.add_argument("--follow", action="store_true", help="go on until Ctrl-C or SIGTERM")
    deliver.set_defaults(run="commands.send:deliver")


def _add_failing(add: Add, common: ArgumentParser) -> None:
    dead = add("dead", parents=[common, _pages()], help="list what could not be sent, and why")
    dead.set_defaults(run="commands.failures:dead")
    replay = add("replay", parents=[common], help="send once more what failed, or is in doubt")
    replay.add_argument("id", metavar="ID")
    replay.add_argument("--again", action="store_true", help="though it was replayed before")
    replay.set_defaults(run="commands.failures:replay")
    doubts = add("doubts", parents=[common], help="count attempts in doubt, and how they ended")
    doubts.set_defaults(run="commands.failures:doubts")
    health = add("health", parents=[common], help="tell whether messages are delivered in time")
    health.add_argument("--json", action="store_true", help="as one JSON object")
    health.set_defaults(run="commands.health:health")
    status = add("status", parents=[common], help="show what waits on each channel")
    status.add_argument("--json", action="store_true", help="as one JSON object")
    status.set_defaults(run="commands.status:status")
    receipts = add("receipts", parents=[common], help="list receipts that could not be applied")
    receipts.add_argument("--limit", type=int, default=20, metavar="N", help="default: 20")
    receipts.add_argument("--after", type=int, default=0, metavar="NUMBER", help="go on after one")
    receipts.add_argument("--retry", action="store_true", help="let a worker apply all of them")
    receipts.set_defaults(run="commands.failures:receipts")
    webhooks = add("webhooks", parents=[common], help="list webhooks that were given up")
    webhooks.add_argument("--limit", type=int, default=20, metavar="N", help="default: 20")
    webhooks.add_argument("--replay", action="store_true", help="send the first N of them again")
    webhooks.set_defaults(run="commands.failures:webhooks")


def _add_purge(add: Add, common: ArgumentParser) -> None:
    purge = add(
        "purge",
        parents=[common],
        help="delete or redact old messages",
        description="Delete or redact finished messages and receipts from before TIME; messages "
        "that wait stay. You may interrupt it and run it again, also while workers deliver.",
    )
    purge.add_argument(
        "--before", required=True, metavar="TIME", help="such as 2026-03-02; local time"
    )
    purge.add_argument(
        "--keep",
        choices=list(Keep),
        default=Keep.NOTHING,
        help="record: take out content and addresses only",
    )
    purge.add_argument("--limit", type=int, metavar="N", help="at most so many")
    purge.add_argument("--dry-run", action="store_true", help="only count the messages")
    purge.add_argument("--yes", action="store_true", help="do not ask, as scripts need it")
    purge.set_defaults(run="commands.purge:purge")


def _add_serve(add: Add, common: ArgumentParser) -> None:
    serve = add(
        "serve",
        parents=[common],
        help="answer the routes of the Bird Channels API over HTTP, and deliver",
        description="Serve the channels of the configuration over HTTP, until Ctrl-C or SIGTERM. "
        "Callers need one of its access keys.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    serve.add_argument(
        "--port", type=int, default=8000, metavar="N", help="default: 8000; 0 takes a free one"
    )
    serve.add_argument(
        "--no-worker", action="store_true", help="only serve; another process delivers"
    )
    serve.add_argument(
        "--viewer",
        action="store_true",
        help="also show messages in a browser, at /viewer/, to those who have a key",
    )
    serve.set_defaults(run="commands.serve:serve")
    view = add(
        "view",
        parents=[common],
        help="show the messages of this machine in a browser; delivers nothing",
        description="Show every message and what happened to it, on 127.0.0.1 and without a key, "
        "until Ctrl-C. For development: every user of this machine can read the pages.",
    )
    view.add_argument(
        "--port", type=int, default=8026, metavar="N", help="default: 8026; 0 takes a free one"
    )
    view.add_argument("--no-browser", action="store_true", help="open no browser")
    view.set_defaults(run="commands.view:view")


def _add_keys(add: Add, common: ArgumentParser) -> None:
    keys = add("keys", help="make, list and revoke access keys for callers over HTTP")
    add_key = keys.add_subparsers(title="commands", metavar="COMMAND", required=True).add_parser
    create = add_key("create", parents=[common], help="store a new key, and print it once")
    create.add_argument("name", metavar="NAME", help="who will use it, for logs")
    create.add_argument(
        "--workspace", metavar="UUID", help="default: the one of channels that name none"
    )
    create.add_argument(
        "--allow",
        action="append",
        metavar="POLICY",
        help="an action and a path, such as 'view /workspaces/*/channels/**'; default: everything",
    )
    create.set_defaults(run="commands.keys:create_key")
    listing = add_key("list", parents=[common], help="list the keys that are stored")
    listing.add_argument("--workspace", metavar="UUID", help="default: all")
    listing.set_defaults(run="commands.keys:list_keys")
    revoke = add_key("revoke", parents=[common], help="delete a key that is stored")
    revoke.add_argument("id", metavar="ID")
    revoke.set_defaults(run="commands.keys:revoke_key")
    hashed = add_key("hash", help="print a new key, and the table for the configuration")
    hashed.add_argument("name", metavar="NAME", help="who will use it, for logs")
    hashed.set_defaults(run="commands.keys:hash_key")
    for command in (create, listing, revoke, hashed):
        command.add_argument("--json", action="store_true", help="as JSON")


def _add_completion(add: Add) -> None:
    completion = add(
        "completion",
        help="print a script with which a shell completes commands and options",
        description="Print a script for a shell. For bash, save it as "
        "~/.local/share/bash-completion/completions/messaging; for fish, as "
        "~/.config/fish/completions/messaging.fish; for zsh, as _messaging in a folder of $fpath.",
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"])
    completion.set_defaults(run="commands.completion:completion")


def _add_transfer(add: Add, common: ArgumentParser) -> None:
    again = "An interrupted command goes on when it is run again. Stop all workers before."
    for name, way, text in (
        ("export", "export_database", "write everything in the database into a file"),
        ("import", "import_database", "write an exported file into an empty database"),
    ):
        command = add(
            name, parents=[common], help=text, description=f"{text.capitalize()}. {again}"
        )
        command.add_argument("file", type=Path, metavar="FILE")
        command.set_defaults(run=f"commands.transfer:{way}")
