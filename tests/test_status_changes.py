"""No code sets a status but the lifecycle: its table cannot be passed by."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import messaging_adapters
import messaging_core
from messaging_core import Status
from messaging_core.decisions.acceptance.drafting import _STATUSES
from messaging_core.models.messages.message import Direction
from messaging_core.rules.policy.lifecycle import (
    TRANSITIONS,
    UNDER_WAY,
    can_cancel,
    may_begin,
)

CORE, ADAPTERS = (Path(package.__path__[0]) for package in (messaging_core, messaging_adapters))
FILES = [
    path
    for path in [*CORE.rglob("*.py"), *ADAPTERS.rglob("*.py")]
    if "testing" not in path.parts and path.name != "lifecycle.py"
]
ASKS_THE_TABLE = {"move", "transition", "begun"}
NO_CHANGE = {"MessageQuery"}
NEW = {"drafting.py"}
"""A message comes into being here, with a status that the tests below check."""
SQL_FOR_CLAIM_AND_CANCEL = {"stores/outbox.py"}
"""The only statements that name a status; the storage contract tests what they move."""


def _callee(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _names_a_status(value: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "Status" for node in ast.walk(value))


def _set_statuses(path: Path) -> Iterator[str]:
    """Yield every place where a status is written down rather than moved or copied."""
    tree = ast.parse(path.read_text())
    moved = {
        node.targets[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and all(
            _callee(call) in ASKS_THE_TABLE
            for call in ast.walk(node.value)
            if isinstance(call, ast.Call)
        )
        and any(isinstance(call, ast.Call) for call in ast.walk(node.value))
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for keyword in call.keywords:
            value = keyword.value
            if keyword.arg != "status" or _callee(call) in {*ASKS_THE_TABLE, *NO_CHANGE}:
                continue
            is_copied = isinstance(value, ast.Attribute) and value.attr == "status"
            is_moved = isinstance(value, ast.Call) and _callee(value) in ASKS_THE_TABLE
            is_moved |= isinstance(value, ast.Name) and value.id in moved
            if not is_copied and not is_moved and "Template" not in ast.unparse(value):
                yield f"{path.name}:{call.lineno}: status={ast.unparse(value)}"


def test_every_status_is_moved_or_copied_and_none_is_written_down() -> None:
    found = [place for path in FILES for place in _set_statuses(path)]
    unexpected = [place for place in found if place.partition(":")[0] not in NEW]

    assert unexpected == []


def test_statements_that_set_a_status_stand_in_one_file() -> None:
    setting = {
        "/".join(path.parts[-2:])
        for path in FILES
        if "SET status = '" in path.read_text() or "'$.status'" in path.read_text()
    }

    assert setting == SQL_FOR_CLAIM_AND_CANCEL


def test_all_that_is_under_way_may_be_claimed_and_cancelled_as_those_statements_do() -> None:
    for status in UNDER_WAY:
        assert status is Status.PROCESSING or Status.PROCESSING in TRANSITIONS[status]
        assert can_cancel(status)


def test_a_draft_begins_as_a_message_may() -> None:
    assert all(may_begin(status, Direction.OUTGOING) for status in _STATUSES.values())


@pytest.mark.parametrize(
    "code",
    [
        "evolve(message, status=Status.SENT)",
        "Settlement(lease=lease, status=Status.SENT if it else Status.SKIPPED)",
        "status = Status.SENT\nevolve(message, status=status)",
        "evolve(message, status=chosen(Status.SENT))",
    ],
)
def test_this_test_finds_what_it_looks_for(code: str, tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text(code)

    assert list(_set_statuses(path))
