"""Decide on the short links of a request once, so that every attempt sends the same."""

from collections.abc import Callable

from attrs import evolve

from messaging_core.decisions.content.linking import apply_links, draw_links, link_settings
from messaging_core.decisions.content.mail_tracking import (
    CLICKS,
    PIXELS,
    asked_tracking,
    check_tracking,
    own_tracking,
)
from messaging_core.decisions.content.rendering import content_of
from messaging_core.errors import ConfigurationError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import EMAIL, SMS, Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import TextBody
from messaging_core.models.content.short_link import LinkSettings, ShortLink
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.messages.envelope import SmsContent
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.request import SendMessage
from messaging_core.rules.formats.sms import MAX_SMS_PARTS
from messaging_core.rules.links.links import (
    DEFAULT_DOMAIN,
    check_default_domain,
    check_domain,
    short_domain,
)
from messaging_core.rules.links.pixels import pixel_url
from messaging_core.rules.links.short_links import CODE_LENGTH, is_code

_ANY_CODE = "0" * CODE_LENGTH
_MOST_UNITS = MAX_SMS_PARTS * 153


def wants_links(request: SendMessage) -> bool:
    """Return whether the links of a request may be shortened or tracked."""
    template = request.template
    return (
        request.short_links is not None
        or request.enable_link_tracking
        or (template is not None and template.short_links is not None)
        or bool(asked_tracking(request.body))
    )


def counts_parts(request: SendMessage, channel: Channel) -> bool:
    """Return whether the parts of an SMS must be counted with everything written into it.

    Otherwise the check of the text alone is enough, which is quicker.
    """
    if channel.platform != SMS:
        return False
    return channel.max_parts is not None or bool(getattr(request.body, "actions", ()))


def checked_domain(domain: str | None) -> str | None:
    """Return the domain of the short links of a host.

    Raises:
        ConfigurationError: The domain is no host name.
    """
    if domain is None or (domain != DEFAULT_DOMAIN and not check_domain(domain, "")):
        return domain
    raise ConfigurationError(f"short links need a host name as domain, not {domain!r}")


@frozen(kw_only=True)
class Linking:
    """Checks the links of requests and creates their short links.

    Attributes:
        default_domain: The host name that the domain `default` means.
        new_code: Returns a new unguessable code at each call.
        lacks: Returns what the transport of a channel cannot express, see `Capabilities`.
        may_track: Returns whether the send rules of a channel allow to track email.
    """

    default_domain: str | None
    new_code: Callable[[], str]
    lacks: Callable[[Channel], frozenset[str]] = lambda _: frozenset()
    may_track: Callable[[Channel], bool] = lambda _: True

    def check(self, request: SendMessage, channel: Channel) -> list[Violation]:
        """Refuse short links without a domain, and a text that is too long with its links."""
        settings = (request.short_links, request.template, self.default_domain)
        violations = check_default_domain(*settings)
        if channel.platform == EMAIL and self.may_track(channel):
            violations += check_tracking(request, self.lacks(channel), self.default_domain)
        domain = short_domain(*settings) if channel.platform == SMS else None
        if domain is not None and check_domain(domain, ""):
            return violations
        return [*violations, *_check_parts(request, channel, domain)]

    def draw(
        self, message: Message, delivery: Delivery, channel: Channel
    ) -> tuple[Delivery, tuple[ShortLink, ...]]:
        """Return the delivery with the codes of its links, and the short links to store."""
        tracked = delivery.controls.enable_link_tracking
        settings = link_settings(
            message, channel, tracked=tracked, default_domain=self.default_domain
        )
        pixels: tuple[ShortLink, ...] = ()
        if channel.platform == EMAIL:
            settings, pixels = self._tracked(settings, message, channel, tracked=tracked)
        if message.body is None or settings == LinkSettings():
            return delivery, ()
        content = content_of(message.body, message.meta, channel)
        links = draw_links(content, settings, self._code, message=message, channel=channel)
        settings = evolve(settings, codes={link.url: link.code for link in links})
        delivery = evolve(delivery, controls=evolve(delivery.controls, links=settings))
        return delivery, (*links, *pixels)

    def _tracked(
        self, settings: LinkSettings, message: Message, channel: Channel, *, tracked: bool
    ) -> tuple[LinkSettings, tuple[ShortLink, ...]]:
        """Return the settings with what the engine tracks of an email, and its pixels."""
        if not self.may_track(channel):
            is_asked = tracked or bool(asked_tracking(message.body))
            return evolve(settings, untracked=is_asked), ()
        domain = self.default_domain
        own = own_tracking(message.body, self.lacks(channel), tracked=tracked)
        if domain is None or not own:
            return settings, ()
        pixels = {
            name: ShortLink(
                code=self._code(),
                workspace=channel.workspace,
                message_id=message.id,
                channel_id=channel.id,
                domain=domain,
                url="",
                created_at=message.created_at,
                kind=kind,
            )
            for name, kind in PIXELS.items()
            if name in own
        }
        settings = evolve(
            settings,
            domain=domain if CLICKS in own else None,
            pixels={name: pixel_url(domain, pixel.code) for name, pixel in pixels.items()},
        )
        return settings, tuple(pixels.values())

    def _code(self) -> str:
        code = self.new_code()
        if not is_code(code):
            message = f"codes.new() must return {CODE_LENGTH} letters and digits, not {code!r}"
            raise ConfigurationError(message)
        return code


def _check_parts(request: SendMessage, channel: Channel, domain: str | None) -> list[Violation]:
    """Refuse a text that needs more SMS parts, as it is sent, than its channel allows."""
    body, most = request.body, channel.max_parts or MAX_SMS_PARTS
    if body is None or (domain is None and not counts_parts(request, channel)):
        return []
    if len(getattr(body, "text", None) or "") > _MOST_UNITS:
        return []  # `check_text_body` refuses such a text
    content = content_of(body, request.meta, channel)
    content = apply_links(content, LinkSettings(domain=domain), lambda _: _ANY_CODE)
    if not isinstance(content, SmsContent) or content.sms.count <= most:
        return []
    message = f"the text takes {content.sms.count} SMS, and the channel allows {most}: shorten it"
    return [Violation(_place_of_text(request, domain), "text.too_many_parts", message)]


def _place_of_text(request: SendMessage, domain: str | None) -> str:
    if request.template:
        return "/template"
    if domain:
        return "/shortLinks"
    return "/body/text/text" if isinstance(request.body, TextBody) else "/body"
