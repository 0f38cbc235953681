"""A short address that redirects to a long one, and what is done to the links of a message."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
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
        pixels: The URL of each pixel of an email, by the field of `EmailContent` that asked for it.
        untracked: A send rule forbids to track the email, for the engine and the provider.
    """

    domain: str | None = None
    parameters: Mapping[str, str] = field(default=NO_PARAMETERS, repr=False)
    codes: Mapping[str, str] = field(default=NO_PARAMETERS, repr=False)
    pixels: Mapping[str, str] = field(default=NO_PARAMETERS, repr=False)
    untracked: bool = False


class LinkKind(StrEnum):
    """The purpose of a code.

    Attributes:
        CLICK: A link that leads somewhere.
        OPEN: The pixel at the end of an email.
        INITIAL_OPEN: The pixel at its beginning.
    """

    CLICK = "click"
    OPEN = "open"
    INITIAL_OPEN = "initial_open"


@frozen(kw_only=True)
class ShortLink:
    """One link or pixel of one message, so that a click or an open tells which message it was.

    Attributes:
        code: 11 letters and digits, unguessable; every reader who has it gets the address.
        workspace: The tenant that sent the message.
        domain: The host that the code is under.
        url: Where it leads: the address of the text, with tracking parameters if they were wanted.
            Empty for a pixel.
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
    kind: LinkKind = LinkKind.CLICK
