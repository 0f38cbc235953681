"""Who may look at which workspace, and what the visitor may see and do there."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from attrs import field, frozen

from messaging_core.arguments import a_text, checked_init, refuse
from messaging_core.errors import MissingDependencyError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE

try:
    from starlette.requests import Request
    from starlette.responses import Response
except ImportError as error:
    raise MissingDependencyError("starlette", "viewer") from error

_REMEDY: Final = "pass workspaces=[workspace_id], or a dict of ids and names"


class Right(StrEnum):
    """What a visitor may see or do.

    Attributes:
        LOOK: See statuses, reasons and masked addresses; every visitor may.
        CONTENT: See the content of messages, except of channels of the type `2fa`.
        ADDRESSES: Have addresses shown, one by one; each time is recorded.
        SECRETS: See the content of channels of the type `2fa`.
        ACT: Replay, cancel or reschedule a message.
        ACT_MANY: Replay many messages at once.
        AUDIT: See who looked at what, and who did what.
    """

    LOOK = "look"
    CONTENT = "content"
    ADDRESSES = "addresses"
    SECRETS = "secrets"
    ACT = "act"
    ACT_MANY = "act_many"
    AUDIT = "audit"


def _workspaces(value: Any, name: str) -> Any:
    """Return the names of workspaces by id; a workspace without a name has an empty one."""
    if isinstance(value, UUID):
        value = (value,)
    names = dict.fromkeys(value, "") if isinstance(value, list | tuple | set | frozenset) else value
    if not isinstance(names, dict) or not names:
        raise refuse(name, "at least one UUID", value, _REMEDY)
    if not all(isinstance(workspace, UUID) for workspace in names):
        raise refuse(name, "UUIDs only", value, _REMEDY)
    return dict(names)


def _rights(value: Any, name: str) -> Any:
    try:
        return frozenset({Right.LOOK, *map(Right, [value] if isinstance(value, str) else value)})
    except (TypeError, ValueError):
        allowed = f"some of {', '.join(Right)}"
        raise refuse(name, allowed, value, 'write may={"look", "content"}') from None


@checked_init(name=a_text, workspaces=_workspaces, may=_rights)
@frozen(kw_only=True)
class Visitor:
    """A person who looks at the pages.

    Attributes:
        name: Is shown on the page, and recorded with what the visitor does.
        workspaces: The workspaces that the visitor sees, as ids, or as names by id; all others do
            not exist for the visitor. The first is shown first.
        may: The rights; every visitor may `look`.
        session: What tells this session from others, if the host knows: the forms of a session
            are then refused in another one. By default the name.

    Raises:
        ArgumentError: There is no workspace, or a right does not exist.
    """

    name: str
    workspaces: Mapping[UUID, str] = field(factory=lambda: {DEFAULT_WORKSPACE: ""})
    may: frozenset[Right] = frozenset({Right.LOOK})
    session: str = field(default="", repr=False)


Admission = Visitor | Response | None
"""A visitor; or what to answer instead, such as a redirect to the host's login; or no access."""

Admit = Callable[[Request], Admission | Awaitable[Admission]]
"""A host's own login: returns who sends a request. A plain function is called on a thread."""
