"""Which addresses of a text become short links."""

from collections.abc import Callable, Mapping

from attrs import field, frozen

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
        links: Where each code leads.
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

    Equal addresses share a code. All are replaced, short ones too, because a click on an
    address that was left alone would never be seen. Left alone are those of the domain itself,
    so that doing it twice changes nothing, and suspicious hosts: a short link would hide where
    they lead. The text between addresses is unchanged.

    Args:
        text: Plain text.
        domain: A host name.
        new_code: Gives another unguessable code each time, as `rules.short_links.code_of` does.
        parameters: What is added to the query of each address before it is hidden.

    Raises:
        ValueError: The domain is no host name, or a code was given twice.
    """
    codes: dict[str, str] = {}

    def code_for(url: str) -> str:
        if url not in codes:
            code = new_code()
            if code in codes.values():
                raise ValueError("new_code gave the same code twice")
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
    """Replace addresses like `shorten`, with codes that are known already.

    Args:
        text: Plain text.
        domain: A host name.
        code_for: Gives the code of an address (with its parameters), or `None` to leave it long.
        parameters: As for `shorten`.

    Raises:
        ValueError: The domain is no host name.
    """
    if domain == DEFAULT_DOMAIN or check_domain(domain, ""):
        raise ValueError(f"not a host name: {domain!r}")
    pieces, place = [], 0
    for found in find_urls(text):
        if _may_be_hidden(found.url, domain):
            url = with_utm(found.url, parameters)
            code = code_for(url)
            pieces += [text[place : found.start], f"https://{domain}/{code}" if code else url]
            place = found.end
    return "".join([*pieces, text[place:]])


def _may_be_hidden(url: str, domain: str) -> bool:
    host = host_of(url)
    return (ascii_host(host) or "").lower() != domain.lower() and not is_suspicious_host(host)
