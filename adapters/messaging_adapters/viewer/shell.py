"""What stands around every page: the bar, the theme and the zone."""

import re
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from attrs import frozen
from starlette.requests import Request

from messaging_adapters.viewer.access import Visitor
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.urls import Urls

_THEMES: Final = ("light", "dark")
_DENSITIES: Final = ("compact", "roomy")
_ZONE_NAME: Final = re.compile("[A-Za-z0-9_+/-]{1,60}")


@frozen(kw_only=True)
class Preferences:
    """How a visitor wants pages to look; cookies, which the script sets.

    Attributes:
        theme: `light` or `dark`; by default what the system prefers.
        density: `compact` or `roomy` rows.
        zone: The name of a time zone.
    """

    theme: str | None = None
    density: str | None = None
    zone: str | None = None


_OPERATIONS: Final = "operations"
"""The page whose link has the number of problems."""


def preferences_of(request: Request) -> Preferences:
    """Return the preferences in the cookies of a request; what is not known is ignored."""
    theme, density, zone = (
        request.cookies.get(f"messaging_{name}", "") for name in ("theme", "density", "zone")
    )
    zone = zone.replace("%2F", "/")
    return Preferences(
        theme=theme if theme in _THEMES else None,
        density=density if density in _DENSITIES else None,
        zone=zone if _ZONE_NAME.fullmatch(zone) else None,
    )


@frozen(kw_only=True)
class Link:
    """A link of the bar; the script finds it by its name."""

    name: str = ""
    title: str
    url: str
    is_current: bool = False
    problems: int = 0


@frozen(kw_only=True)
class Shell:
    """What the base template needs.

    Attributes:
        title: Of the window.
        environment: Such as `production`, so that no one takes one system for another.
        links: The pages in the bar.
        workspaces: Links to the workspaces of the visitor, if there are several.
        visitor: The name of the visitor, or nothing.
        json_url: The same page as JSON.
        csrf: What the forms of this page carry.
        can_sign_out: Whether the visitor has a session of this viewer.
        nonce: Lets the style sheet and the script of this answer in.
        zone: The name of the zone of all times.
        zone_is_known: Whether the browser told its zone.
    """

    title: str
    environment: str
    links: tuple[Link, ...] = ()
    workspaces: tuple[Link, ...] = ()
    workspace: str = ""
    visitor: str | None = None
    json_url: str | None = None
    preferences: Preferences
    csrf: str = ""
    can_sign_out: bool = False
    nonce: str
    zone: str
    zone_is_known: bool
    urls: Urls


def bar_of(
    pages: Iterable[Page[Any]], urls: Urls, current: str, problems: int = 0
) -> tuple[Link, ...]:
    """Return the links of the bar; a page that does not exist is not in it."""
    return tuple(
        Link(
            name=page.name,
            title=page.title,
            url=urls.to(*page.path.strip("/").split("/")),
            is_current=page.name == current,
            problems=problems if page.name == _OPERATIONS else 0,
        )
        for page in pages
        if page.in_bar
    )


def workspaces_of(visitor: Visitor, urls: Urls, section: str) -> tuple[Link, ...]:
    """Return links to the workspaces of a visitor, unless there is only one."""
    if len(visitor.workspaces) == 1:
        return ()
    return tuple(
        Link(
            title=name_of(visitor, workspace),
            url=Urls(root=urls.root, workspace=workspace).to(section or "messages"),
            is_current=workspace == urls.workspace,
        )
        for workspace in visitor.workspaces
    )


def name_of(visitor: Visitor, workspace: UUID) -> str:
    """Return the name of a workspace; its id begins differently from others, if there are any."""
    alone = len(visitor.workspaces) == 1
    return visitor.workspaces[workspace] or ("" if alone else str(workspace)[:8])
