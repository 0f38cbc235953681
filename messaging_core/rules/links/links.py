"""When links may be shortened and tracked."""

from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.channel import SMS, Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.messages.request import SendMessage, ShortLinks

MAX_DOMAIN_LENGTH: Final = 128
DEFAULT_DOMAIN: Final = "default"

# RFC 1123 §2.1: letters, digits and hyphens, no label begins or ends with a hyphen.
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = pattern(rf"{_LABEL}(?:\.{_LABEL})+")


def check_short_links(
    short_links: ShortLinks, channel: Channel, path: str, *, has_template: bool
) -> list[Violation]:
    """Hold short links to the Bird Channels API, rule 23.

    They need a domain and are for SMS only; the API does not say that it refuses them elsewhere,
    we do. A template brings its own settings, `template.shortLinks`.
    """
    violations = check_domain(short_links.domain, f"{path}/domain")
    if channel.platform != SMS:
        message = f"links are shortened on sms only, not on {channel.platform}"
        violations.append(Violation(path, "links.only_on_sms", message))
    if has_template:
        message = "with a template, write template.shortLinks instead"
        violations.append(Violation(path, "links.in_template", message))
    return violations


def check_domain(domain: str, path: str) -> list[Violation]:
    """Refuse a domain for short links that is neither a host name nor `default`.

    The Bird Channels API allows 1 to 128 characters; the grammar is that of host names (RFC 1123
    §2.1), because links are made of it.
    """
    if domain == DEFAULT_DOMAIN:
        return []
    if len(domain) <= MAX_DOMAIN_LENGTH and _DOMAIN.fullmatch(domain):
        return []
    message = f'a host name of at most {MAX_DOMAIN_LENGTH} characters, or "{DEFAULT_DOMAIN}"'
    return [Violation(path, "links.bad_domain", message)]


def check_link_tracking(request: SendMessage, channel: Channel, path: str) -> list[Violation]:
    """Refuse link tracking on SMS without short links (Bird Channels API, rule 27)."""
    if not request.enable_link_tracking or channel.platform != SMS or _shortens(request):
        return []
    message = "on sms, links are tracked only with shortLinks in the request"
    return [Violation(path, "links.tracking_needs_short_links", message)]


def short_domain(
    short_links: ShortLinks | None, template: TemplateReference | None, default: str | None
) -> str | None:
    """Return the host of a message's short links, or `None` when it wants or can have none.

    A template's own settings decide where there is a template; switched on without a domain,
    they mean the default one. Without a default, links that ask for it stay long:
    `check_default_domain` refuses such a request first.
    """
    domain = _wanted_domain(short_links, template)
    return default if domain == DEFAULT_DOMAIN else domain


def check_default_domain(
    short_links: ShortLinks | None, template: TemplateReference | None, default: str | None
) -> list[Violation]:
    """Refuse the domain `default` where the host configured no default domain (ours)."""
    if default is not None or _wanted_domain(short_links, template) != DEFAULT_DOMAIN:
        return []
    path = "/template/shortLinks/domain" if template else "/shortLinks/domain"
    message = "there is no default domain for short links here: name one"
    return [Violation(path, "links.no_default_domain", message)]


def _wanted_domain(
    short_links: ShortLinks | None, template: TemplateReference | None
) -> str | None:
    if template is None:
        return short_links.domain if short_links else None
    settings = template.short_links
    if settings is None or settings.enabled is False:
        return None
    return settings.domain or DEFAULT_DOMAIN


def _shortens(request: SendMessage) -> bool:
    return _wanted_domain(request.short_links, request.template) is not None
