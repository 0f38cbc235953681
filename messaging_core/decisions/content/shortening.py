"""Replace web addresses in texts by short links."""

from collections.abc import Callable, Mapping

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.content.short_link import NO_PARAMETERS
from messaging_core.rules.formats.hosts import ascii_host, is_suspicious_host
from messaging_core.rules.formats.iris import host_of
from messaging_core.rules.formats.url_finder import find_urls
from messaging_core.rules.links.links import DEFAULT_DOMAIN, check_domain
from messaging_core.rules.links.tracking import with_utm


@frozen(kw_only=True)
class Shortened:
    """A text with short links.

    Attributes:
        links: The web address of each code.
    """

    text: str = field(repr=False)
    links: Mapping[str, str] = field(repr=False)


def shorten(
    text: str,
    domain: str,
    new_code: Callable[[], str],
    *,
    parameters: Mapping[str, str] = NO_PARAMETERS,
) -> Shortened:
    """Replace the web addresses of a text by short links `https://{domain}/{code}`.

    Equal addresses share a code. Short addresses are replaced too, because only a click on a
    short link is recorded. Two kinds stay: addresses on the domain itself, so that a second call
    changes nothing; and suspicious hosts, whose destination a short link would hide.

    Args:
        text: Plain text.
        domain: A host name.
        new_code: Returns a new unguessable code at each call, as `rules.short_links.code_of` does.
        parameters: Added to the query of each address before it is replaced.

    Raises:
        ValueError: The domain is no host name, or `new_code` repeated a code.
    """
    codes: dict[str, str] = {}

    def code_for(url: str) -> str:
        if url not in codes:
            code = new_code()
            if code in codes.values():
                raise ValueError(
                    "new_code returned the same code twice: return a new one each time"
                )
            codes[url] = code
        return codes[url]

    short = write_short_links(text, domain, code_for, parameters=parameters)
    return Shortened(text=short, links={code: url for url, code in codes.items()})


def write_short_links(
    text: str,
    domain: str,
    code_for: Callable[[str], str | None],
    *,
    parameters: Mapping[str, str] = NO_PARAMETERS,
) -> str:
    """Replace addresses as `shorten` does, with given codes.

    Args:
        text: Plain text.
        domain: A host name.
        code_for: Returns the code of an address with its parameters, or None to keep it long.
        parameters: As for `shorten`.

    Raises:
        ValueError: The domain is no host name.
    """
    if domain == DEFAULT_DOMAIN or check_domain(domain, ""):
        raise ValueError(f"short links need a host name as domain, not {domain!r}")
    pieces, place = [], 0
    for link in find_urls(text):
        if may_be_shortened(link.url, domain):
            url = with_utm(link.url, parameters)
            code = code_for(url)
            pieces += [text[place : link.start], f"https://{domain}/{code}" if code else url]
            place = link.end
    return "".join([*pieces, text[place:]])


def may_be_shortened(url: str, domain: str) -> bool:
    """Return whether a short link may hide an address: see `shorten` for the two that stay."""
    host = host_of(url)
    return (ascii_host(host) or "").lower() != domain.lower() and not is_suspicious_host(host)
