"""A short address that redirects to a long one, and what is done to the links of a message."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen

NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})


@frozen(kw_only=True)
class LinkSettings:
    """What is done to the links of one message.

    Attributes:
        domain: The host of short links; absent, links stay long.
        parameters: What is added to the query of each.
        codes: The code of each address, once they are drawn.
    """

    domain: str | None = None
    parameters: Mapping[str, str] = field(default=NO_PARAMETERS, repr=False)
    codes: Mapping[str, str] = field(default=NO_PARAMETERS, repr=False)


@frozen(kw_only=True)
class ShortLink:
    """One link of one message, so that a click tells which message it was in.

    Attributes:
        code: 11 letters and digits, unguessable; every reader who has it gets the address.
        workspace: The tenant that sent the message.
        domain: The host that the code is under.
        url: Where it leads: the address of the text, with tracking parameters if they were wanted.
        expires_at: From this instant the link does not work any more; never, when absent.
    """

    code: str = field(repr=False)
    workspace: UUID = field(metadata={"wire": "workspaceId"})
    message_id: UUID
    channel_id: UUID
    domain: str
    url: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
