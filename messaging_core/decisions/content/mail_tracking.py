"""Count the opens and clicks of emails whose transport cannot do that itself."""

from collections.abc import Callable
from typing import Final

from attrs import evolve

from messaging_core.decisions.content.shortening import may_be_shortened
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import Body, HtmlBody, HtmlMetadata
from messaging_core.models.content.short_link import LinkKind, LinkSettings
from messaging_core.models.messages.envelope import EmailContent
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.policy.plan import Reason
from messaging_core.models.policy.reasons import ReasonCode, because
from messaging_core.rules.addressing.unsubscribe import LIST_UNSUBSCRIBE
from messaging_core.rules.formats.iris import uri_of
from messaging_core.rules.links.tracking import track_text

CLICKS: Final = "click_tracking"
OPENS: Final = "open_tracking"
INITIAL_OPENS: Final = "initial_open_tracking"
TRACKING: Final = frozenset({CLICKS, OPENS, INITIAL_OPENS})
"""The fields of `EmailContent` that ask for tracking.

The engine does what a transport names in `Capabilities.lacks`, and tells the transport nothing of
it. So a mail is never tracked twice.
"""

PIXELS: Final = {INITIAL_OPENS: LinkKind.INITIAL_OPEN, OPENS: LinkKind.OPEN}
_WIRE: Final = {
    CLICKS: "clickTracking",
    OPENS: "openTracking",
    INITIAL_OPENS: "initialOpenTracking",
}
_UNSUBSCRIBE: Final = "unsubscribe"


def asked_tracking(body: Body | None) -> frozenset[str]:
    """Return the fields by which a body itself asks for tracking; a body without HTML cannot."""
    if not isinstance(body, HtmlBody) or body.html is None or body.metadata is None:
        return frozenset()
    return frozenset(name for name in TRACKING if getattr(body.metadata, name))


def own_tracking(body: Body | None, lacks: frozenset[str], *, tracked: bool) -> frozenset[str]:
    """Return what the engine tracks itself of an email.

    Args:
        body: Of the message.
        lacks: What the transport cannot express, see `Capabilities`.
        tracked: The request set `enableLinkTracking`. Then clicks are counted too, unless the body
            says that they are not.
    """
    if not isinstance(body, HtmlBody) or body.html is None:
        return frozenset()
    says_nothing = (body.metadata or HtmlMetadata()).click_tracking is None
    more = {CLICKS} if tracked and says_nothing else set()
    return (asked_tracking(body) | more) & lacks


def check_tracking(
    request: SendMessage, lacks: frozenset[str], domain: str | None
) -> list[Violation]:
    """Refuse tracking that neither the transport nor the engine can do.

    Args:
        request: With its body rendered.
        lacks: What the transport cannot express.
        domain: The host of short links and pixels.
    """
    names = asked_tracking(request.body) & lacks if domain is None else frozenset[str]()
    path = "/template" if request.template else "/body/html/metadata"
    return [
        Violation(
            path if request.template else f"{path}/{_WIRE[name]}",
            "tracking.no_domain",
            f"the transport of this channel cannot do {_WIRE[name]}: give the messenger a"
            f" short_link_domain, so that the engine does it, or leave {_WIRE[name]} out",
        )
        for name in sorted(names)
    ]


def tracking_reasons(settings: LinkSettings | None) -> tuple[Reason, ...]:
    """Return why a mail goes untracked although its request asks for tracking."""
    is_refused = settings is not None and settings.untracked
    return (because(ReasonCode.TRACKING_REFUSED),) if is_refused else ()


def track_mail(
    content: EmailContent, settings: LinkSettings, code_for: Callable[[str], str | None]
) -> EmailContent:
    """Return a mail with parameters and short links in its HTML, and with its pixels.

    The text gets the parameters only. What the engine does is no longer asked of the transport.
    """
    from messaging_core.rules.links.html_links import (  # noqa: PLC0415 - only mails have HTML
        track_html,
        untracked_links,
    )

    html, text, parameters = content.html, content.text, settings.parameters
    if parameters and text:
        untracked = untracked_links(html) if html else frozenset[str]()
        text = track_text(text, parameters, untracked=untracked)
    if parameters and html:
        html = track_html(html, parameters)
    if html:
        html = _counted(html, content, settings, code_for)
    done = TRACKING if settings.untracked else {*settings.pixels, *_clicks(settings)}
    return evolve(
        content,
        text=text,
        html=html,
        click_tracking=content.click_tracking and CLICKS not in done,
        open_tracking=content.open_tracking and OPENS not in done,
        initial_open_tracking=content.initial_open_tracking and INITIAL_OPENS not in done,
    )


def _clicks(settings: LinkSettings) -> frozenset[str]:
    return frozenset() if settings.domain is None else frozenset({CLICKS})


def _counted(
    html: str,
    content: EmailContent,
    settings: LinkSettings,
    code_for: Callable[[str], str | None],
) -> str:
    """Return HTML with short links and pixels."""
    from messaging_core.rules.links.html_links import shorten_html  # noqa: PLC0415 - the same
    from messaging_core.rules.links.pixels import with_pixels  # noqa: PLC0415 - the same

    domain = settings.domain
    if domain is not None:
        left_out = _unsubscribe_headers(content)

        def code(url: str) -> str | None:
            return code_for(url) if _is_countable(url, domain, left_out) else None

        html = shorten_html(html, code, domain)
    if not settings.pixels:
        return html
    pixels = settings.pixels
    return with_pixels(html, first=pixels.get(INITIAL_OPENS), last=pixels.get(OPENS))


def _is_countable(url: str, domain: str, left_out: str) -> bool:
    """Return whether a link may be replaced: it leads somewhere, and not to unsubscribe."""
    is_web = url[:8].lower().startswith(("https://", "http://"))
    if not is_web or _UNSUBSCRIBE in url.lower() or f"<{url}>" in left_out:
        return False
    return uri_of(url) is not None and may_be_shortened(url, domain)


def _unsubscribe_headers(content: EmailContent) -> str:
    lowered = LIST_UNSUBSCRIBE.lower()
    return " ".join(value for name, value in content.headers.items() if name.lower() == lowered)
