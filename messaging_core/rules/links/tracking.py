"""How web addresses tell a site's statistics what message they came from."""

import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import quote, unquote_plus

from messaging_core.lazy import pattern
from messaging_core.models.common.channel import Channel
from messaging_core.models.content.meta import Meta
from messaging_core.models.content.template import UtmParameter
from messaging_core.rules.formats.hosts import is_suspicious_host
from messaging_core.rules.formats.iris import host_of
from messaging_core.rules.formats.uris import MAX_URI_LENGTH
from messaging_core.rules.formats.url_finder import find_urls

_WEB: Final = pattern(r"https?://[^/?#]", re.ASCII | re.IGNORECASE)
_SEPARATOR: Final = pattern(r"[&;]")
# Storages and CDNs sign the whole query: one parameter more, and the address is void.
_SIGNATURE: Final = pattern(r"(?:.*[-_])?(?:signature|sig|hmac)", re.ASCII | re.IGNORECASE)


def utm_parameters(
    template: tuple[UtmParameter, ...], meta: Meta | None, channel: Channel
) -> dict[str, str]:
    """Return what link tracking adds to each address of a message.

    The names are those of Google Analytics: source and medium are the channel's name and
    platform, campaign and id those of `meta.campaign`. A template's parameters go by its own
    names, and win.
    """
    parameters = {"utm_source": channel.name, "utm_medium": channel.platform}
    campaign = meta.campaign if meta else None
    if campaign and campaign.id:
        parameters |= {"utm_campaign": str(campaign.id), "utm_id": str(campaign.id)}
    if campaign and campaign.name:
        parameters["utm_campaign"] = campaign.name
    named = {"platform_name": channel.platform, "channel_name": channel.name}
    for parameter in template:
        value = (
            parameter.value if parameter.value is not None else named.get(parameter.reference or "")
        )
        if value is not None:
            parameters[parameter.key] = value
    return parameters


def with_utm(url: str, parameters: Mapping[str, str]) -> str:
    """Add parameters to the query of a web address without changing anything of it.

    What is there stays byte for byte, the fragment too; a parameter that the address has already
    is not added. Left as they are: other schemes, addresses that would grow beyond 8192
    characters, and signed ones, which any change makes void. A signature is recognised by its
    parameter (`X-Amz-Signature`, `Signature`, `sig`, `hmac` …), not in a path.
    """
    place, addition = utm_insertion(url, parameters)
    return url[:place] + addition + url[place:]


def utm_insertion(url: str, parameters: Mapping[str, str]) -> tuple[int, str]:
    """Return what `with_utm` writes into a web address, and before which character."""
    place = len(url.partition("#")[0])
    _, mark, query = url[:place].partition("?")
    names = {unquote_plus(pair.partition("=")[0]) for pair in _SEPARATOR.split(query)}
    fresh = [
        f"{quote(key, safe='', errors='replace')}={quote(value, safe='', errors='replace')}"
        for key, value in parameters.items()
        if key not in names
    ]
    if not fresh or not _WEB.match(url) or any(map(_SIGNATURE.fullmatch, names)):
        return place, ""
    separator = ";" if _has_semicolons(query) else "&"
    begin = "?" if not mark else "" if not query or query[-1] == separator else separator
    addition = begin + separator.join(fresh)
    return place, addition if len(url) + len(addition) <= MAX_URI_LENGTH else ""


def track_text(text: str, parameters: Mapping[str, str], *, untracked: Collection[str] = ()) -> str:
    """Add parameters to the addresses in a plain text; the text between them is unchanged.

    Args:
        text: Plain text.
        parameters: What is added.
        untracked: Addresses that stay as they are.
    """
    pieces, place = [], 0
    for link in find_urls(text):
        if link.url not in untracked and not is_suspicious_host(host_of(link.url)):
            pieces += [text[place : link.start], with_utm(link.url, parameters)]
            place = link.end
    return "".join([*pieces, text[place:]])


def _has_semicolons(query: str) -> bool:
    """Return whether semicolons separate the parameters, as HTML 4.01 §B.2.2 recommended."""
    pairs = query.split(";")
    return "&" not in query and len(pairs) > 1 and all("=" in pair for pair in pairs if pair)
