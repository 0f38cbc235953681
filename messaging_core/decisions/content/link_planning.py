"""Which short links a request leads to, decided once: every attempt sends the same."""

from collections.abc import Callable

from attrs import evolve, frozen

from messaging_core.decisions.content.linking import apply_links, draw_links, link_settings
from messaging_core.decisions.content.rendering import content_of
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import SMS, Channel
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
from messaging_core.rules.links.short_links import CODE_LENGTH, is_code

_ANY_CODE = "0" * CODE_LENGTH
_MOST_UNITS = MAX_SMS_PARTS * 153


def wants_links(request: SendMessage) -> bool:
    """Tell whether anything may be done to the links of a request."""
    template = request.template
    return (
        request.short_links is not None
        or request.enable_link_tracking
        or (template is not None and template.short_links is not None)
    )


def counts_parts(request: SendMessage, channel: Channel) -> bool:
    """Tell whether the parts of an SMS are counted with all that is written into it.

    What a rule of its own counts is the text alone, which is quicker.
    """
    if channel.platform != SMS:
        return False
    return channel.max_parts is not None or bool(getattr(request.body, "actions", ()))


def checked_domain(domain: str | None) -> str | None:
    """Return the domain of a host's short links.

    Raises:
        ConfigurationError: It is no host name.
    """
    if domain is None or (domain != DEFAULT_DOMAIN and not check_domain(domain, "")):
        return domain
    raise ConfigurationError(f"short links need a host name, not {domain!r}")


@frozen(kw_only=True)
class Linking:
    """Decide on the links of requests.

    Attributes:
        default_domain: What the domain `default` stands for.
        new_code: Makes codes that nobody can guess.
    """

    default_domain: str | None
    new_code: Callable[[], str]

    def check(self, request: SendMessage, channel: Channel) -> list[Violation]:
        """Refuse links that have no domain, and a text that is too long with its links."""
        wanted = (request.short_links, request.template, self.default_domain)
        violations = check_default_domain(*wanted)
        domain = short_domain(*wanted) if channel.platform == SMS else None
        if domain is not None and check_domain(domain, ""):
            return violations
        return [*violations, *_check_parts(request, channel, domain)]

    def draw(
        self, message: Message, delivery: Delivery, channel: Channel
    ) -> tuple[Delivery, tuple[ShortLink, ...]]:
        """Return a delivery that knows its links, and those to be stored with it."""
        settings = link_settings(
            message,
            channel,
            tracked=delivery.controls.enable_link_tracking,
            default_domain=self.default_domain,
        )
        if message.body is None or settings == LinkSettings():
            return delivery, ()
        content = content_of(message.body, message.meta, channel)
        links = draw_links(content, settings, self._code, message=message, channel=channel)
        settings = evolve(settings, codes={link.url: link.code for link in links})
        return evolve(delivery, controls=evolve(delivery.controls, links=settings)), links

    def _code(self) -> str:
        code = self.new_code()
        if not is_code(code):
            raise ConfigurationError(f"a code is {CODE_LENGTH} letters and digits, not {code!r}")
        return code


def _check_parts(request: SendMessage, channel: Channel, domain: str | None) -> list[Violation]:
    """Refuse a text that takes more parts than its channel allows, as it would be sent."""
    body, most = request.body, channel.max_parts or MAX_SMS_PARTS
    if body is None or (domain is None and not counts_parts(request, channel)):
        return []
    if len(getattr(body, "text", None) or "") > _MOST_UNITS:
        return []  # a rule of its own refuses that
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
