"""Only the lifecycle sets a status: no code can bypass its table."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import messaging_adapters
import messaging_core
from messaging_core import Status
from messaging_core.rules.policy.lifecycle import TRANSITIONS, UNDER_WAY

CORE, ADAPTERS = (Path(package.__path__[0]) for package in (messaging_core, messaging_adapters))
SHOWS_EARLIER = CORE / "decisions" / "delivery" / "webhooks.py"
"""A webhook shows a message as it was at the time of its event; nothing of it is stored."""
VIEWER = ADAPTERS / "viewer"
"""Its pages show statuses; all that they change goes through `Messenger`."""
CANCEL_ON_POSTGRES = ADAPTERS / "storage" / "postgres" / "stores" / "outbox.py"
"""Writes what the statement of SQLite says, where that takes a function of SQLite."""
FILES = [
    path
    for path in [*CORE.rglob("*.py"), *ADAPTERS.rglob("*.py")]
    if "testing" not in path.parts
    and path.name != "lifecycle.py"
    and path not in {SHOWS_EARLIER, CANCEL_ON_POSTGRES}
    and VIEWER not in path.parents
]
LIFECYCLE = {"move", "transition", "initial", "begun"}
"""The functions that refuse what the table does not list."""
FILTERS = {"MessageQuery", "Count", "StatusCount"}
"""A status among their arguments selects, groups or counts messages and changes none."""
OTHER_STATUSES = {
    "HttpError",
    "HttpResponse",
    "Pdu",
    "Route",
    "ShownChannel",
    "State",
    "StatusReceipt",
    "TransportCheck",
    "because",
}
"""What has a status of its own: an answer, a check, a provider's word."""
OTHER_ENUMS = ("HealthStatus", "TemplateStatus", "WebhookStatus")
SQL_FOR_CLAIM = {"stores/outbox.py", "queries/claim.py"}
"""The only statements that name a status; the storage contract tests which they change."""

NOT_OF_MESSAGES = {*LIFECYCLE, *FILTERS, *OTHER_STATUSES}


def _callee(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _asks_lifecycle(value: ast.expr) -> bool:
    """Return True if every value of a conditional expression comes from the lifecycle."""
    if isinstance(value, ast.IfExp):
        return _asks_lifecycle(value.body) and _asks_lifecycle(value.orelse)
    return isinstance(value, ast.Call) and _callee(value) in LIFECYCLE


def _checked_names(tree: ast.AST) -> set[str]:
    """Return the variables to which nothing but a status from the lifecycle is assigned."""
    assignments = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    checked: dict[str, bool] = {}
    for assignment in assignments:
        for target in assignment.targets:
            if isinstance(target, ast.Name):
                is_checked = _asks_lifecycle(assignment.value)
                checked[target.id] = checked.get(target.id, True) and is_checked
    return {name for name, is_checked in checked.items() if is_checked}


def _is_copied(value: ast.expr) -> bool:
    return isinstance(value, ast.Attribute) and value.attr == "status"


def _statuses_in(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the values that a call, a dict or an assignment gives to a status."""
    match node:
        case ast.Call(keywords=keywords) if _callee(node) not in NOT_OF_MESSAGES:
            yield from (keyword.value for keyword in keywords if keyword.arg == "status")
        case ast.Assign(targets=[ast.Attribute(attr="status", value=owner)], value=value):
            # A message has no code that could do so, and an HTTP stream is none.
            if ast.unparse(owner) not in {"self", "stream"}:
                yield value
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                is_status = isinstance(key, ast.Constant) and key.value == "status"
                # Others are columns and stored documents, which copy the status of a message.
                if is_status and ast.unparse(value).startswith("Status."):
                    yield value


def _unchecked_statuses(path: Path) -> Iterator[str]:
    """Yield every place that sets a status without the lifecycle; a copy is no change."""
    tree = ast.parse(path.read_text())
    checked = _checked_names(tree)
    for node in ast.walk(tree):
        for value in _statuses_in(node):
            is_checked = _asks_lifecycle(value) or _is_copied(value)
            is_checked |= isinstance(value, ast.Name) and value.id in checked
            is_checked |= isinstance(value, ast.Tuple)  # several statuses are a filter
            if not is_checked and not any(other in ast.unparse(value) for other in OTHER_ENUMS):
                yield f"{path.name}:{value.lineno}: status={ast.unparse(value)}"


def test_only_the_lifecycle_sets_a_status() -> None:
    unchecked = [place for path in FILES for place in _unchecked_statuses(path)]

    assert unchecked == []


def test_statements_that_set_a_status_are_in_one_file() -> None:
    setting = {
        "/".join(path.parts[-2:])
        for path in FILES
        if "SET status = '" in path.read_text() or "'$.status'" in path.read_text()
    }

    assert setting == SQL_FOR_CLAIM


def test_the_lifecycle_lets_these_statements_claim_all_that_is_under_way() -> None:
    for status in UNDER_WAY:
        assert status is Status.PROCESSING or Status.PROCESSING in TRANSITIONS[status]


@pytest.mark.parametrize(
    "code",
    [
        "evolve(message, status=Status.SENT)",
        "Message(status=Status.SENT)",
        "Settlement(lease=lease, status=Status.SENT if it else Status.SKIPPED)",
        "status = Status.SENT\nevolve(message, status=status)",
        "status = move(current, to, cause)\nstatus = Status.SENT\nevolve(message, status=status)",
        "evolve(message, status=chosen(Status.SENT))",
        "evolve(message, status=move(current, to, cause) if it else Status.SENT)",
        "evolve(message, **{'status': Status.SENT})",
        "message.status = Status.SENT",
        "def change(to):\n    return evolve(message, status=to)",
    ],
)
def test_this_test_finds_a_status_that_is_set_elsewhere(code: str, tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text(code)

    assert list(_unchecked_statuses(path))


@pytest.mark.parametrize(
    "code",
    [
        "Settlement(status=move(current, to, cause))",
        "status = initial(to, direction)\nMessage(status=status)",
        "Event(status=message.status)",
        "MessageQuery(status=Status.SENT)",
    ],
)
def test_this_test_allows_what_the_lifecycle_checked(code: str, tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text(code)

    assert list(_unchecked_statuses(path)) == []
