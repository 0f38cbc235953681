"""What can be chosen of a template: a version, a platform and a language."""

from collections.abc import Sequence
from typing import Final

from messaging_adapters.viewer.page_request import PageRequest
from messaging_core.errors import NotFoundError
from messaging_core.models.common.channel import EMAIL, PUSH, SMS, Channel
from messaging_core.models.content.template_project import (
    TemplateContent,
    TemplateProject,
    TemplateVersion,
)
from messaging_core.templates import latest
from messaging_core.templates.sources import contents_of, platform_of

_LATEST: Final = "latest"


def version_named(project: TemplateProject, name: str) -> TemplateVersion:
    """Return the version that a path names: by its id, or as `latest`.

    Raises:
        NotFoundError: There is no such version.
    """
    version = latest(project.versions) if name == _LATEST else None
    version = version or next((own for own in project.versions if str(own.id) == name), None)
    if version is None:
        raise NotFoundError("the template has no such version")
    return version


def platforms_of(version: TemplateVersion, request: PageRequest) -> tuple[str, ...]:
    """Return the platforms on which a version has content: the usual ones first."""
    own = {platform_of(content) for content, _ in contents_of(version)}
    if None in own:
        own |= {channel.platform for channel in request.channels.values()} or {SMS, EMAIL, PUSH}
    usual = [platform for platform in (SMS, EMAIL, PUSH) if platform in own]
    others = sorted(own - {None, *usual}, key=str)
    return tuple(str(platform) for platform in (*usual, *others))


def usual_platform(version: TemplateVersion, platforms: Sequence[str]) -> str:
    """Return the platform that a version looks made for."""
    contents = [content for content, _ in contents_of(version)]
    if EMAIL in platforms and any(content.html for content in contents):
        return EMAIL
    if PUSH in platforms and any(content.data or content.subtitle for content in contents):
        return PUSH
    return platforms[0] if platforms else SMS


def channel_on(platform: str, request: PageRequest) -> Channel:
    """Return the channel on which a template is shown; without one, the limits are the usual."""
    own = [channel for channel in request.channels.values() if channel.platform == platform]
    ordered = sorted(own, key=lambda channel: (not channel.active, channel.name))
    return ordered[0] if ordered else Channel(name="preview", platform=platform)


def locales_on(version: TemplateVersion, platform: str) -> tuple[str, ...]:
    """Return the languages that a version has on a platform."""
    own: Sequence[TemplateContent] = [
        content for content in version.platform_content if content.platform == platform
    ]
    return tuple(dict.fromkeys(content.locale for content in own or version.generic_content))
