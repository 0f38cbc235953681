"""What a messenger is put together from, and how each part is told from something else."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from inspect import iscoroutinefunction
from typing import Any, Final, get_args
from uuid import UUID

from messaging_core.arguments import a, a_text, optional, part, refuse, several, uuid
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.audit import AuditEntry
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.content.meta import Meta
from messaging_core.models.content.template_project import TemplateProject
from messaging_core.models.delivery.interaction import Conversion
from messaging_core.models.delivery.receipt import Receipt
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import Contact
from messaging_core.models.policy.send_rules import SendRules
from messaging_core.ports.http import HttpRequest

A_STORAGE: Final = part(
    "a storage", "begin", remedy='write storage=SqliteStorage("messages.db") or MemoryStorage()'
)
IDS: Final = part(
    "an object with a method new(now)", "new", remedy="write ids=TimeOrderedIds(), or leave it out"
)
CODES: Final = part(
    "an object with a method new()", "new", remedy="write codes=RandomCodes(), or leave it out"
)
AN_ENGINE: Final = part(
    "a template engine", "compile", remedy="write template_engine=LiquidEngine()"
)
AN_AUDIENCE: Final = part("an audience", "resolve", remedy="leave it out to use the contacts")
FILES: Final = part(
    "a source of files", "size", "read", remedy='write files=FolderFiles("attachments")'
)
A_MESSENGER: Final = part(
    "a Messenger", "route", "find", remedy="write Messenger(storage=…, channels=…), and pass that"
)
AN_EVENT: Final = part("a threading.Event", "is_set", "wait", remedy="write stop=threading.Event()")
RECEIPTS: Final = a(
    (Iterable, *get_args(Receipt)), "a receipt or a list of receipts", "pass what a parser returns"
)
AN_AUDIT_ENTRY: Final = optional(
    a(AuditEntry, "an AuditEntry", 'write messenger.audit.entry("cancelled", actor="Ada")')
)
A_QUERY: Final = a(MessageQuery, "a MessageQuery", 'write MessageQuery(status="sent")')
A_META: Final = a(Meta, "a Meta", 'write Meta(extra_information={"useCase": "marketing"})')
A_CONVERSION: Final = a(
    Conversion, "a Conversion", 'write Conversion(type="otp", status="converted")'
)
AN_IDENTIFIER: Final = a(
    Identifier,
    "an Identifier",
    'write Identifier(identifier_key="phonenumber", identifier_value="+31…")',
)

A_MEDIA_CHECK: Final = part(
    "a check of media URLs", "check", remedy="write media_check=Uploads(…), or leave it out"
)
A_TELEMETRY: Final = part(
    "a telemetry",
    "trace",
    "operation",
    "count",
    remedy="write telemetry=OpenTelemetry(), or leave it out",
)
A_MEDIA_SOURCE: Final = part("a source of media", "read", remedy="write media=HttpMediaSource()")
A_MEDIA_STORE: Final = part(
    "a media store",
    "begin",
    "find",
    "read",
    "delete",
    remedy='write store=FolderMediaStore("media")',
)

_CHANNELS: Final = "a dict of channels with the transport of each"
_REMEDY: Final = "write channels={Channel(…): transport}"


_A_REQUEST: Final = a(
    HttpRequest,
    "an HttpRequest",
    'write HttpRequest(method="POST", url="https://…", headers={…}, body=b"…")',
)


def a_webhook_request(value: Any, name: str) -> Any:
    """Allow a request as it came: frameworks have bodies of text, and URLs that are objects."""
    request = _A_REQUEST(value, name)
    for part_name, kind, allowed, remedy in (
        ("method", str, "text", "pass the name of the method"),
        ("url", str, "text", "pass str(url)"),
        ("body", bytes, "bytes", "pass the raw body, as it came"),
    ):
        if not isinstance(getattr(request, part_name), kind):
            raise refuse(f"{name}.{part_name}", allowed, getattr(request, part_name), remedy)
    for text in (text for header in request.headers.items() for text in header):
        if not isinstance(text, str):
            raise refuse(f"{name}.headers", "a dict of texts", text, "decode them as Latin-1")
    return request


def pairs_of_channels(value: Any, name: str) -> Any:
    """Allow a mapping of channels to transports, or pairs of them."""
    items = value.items() if isinstance(value, Mapping) else value
    if not isinstance(items, Iterable) or isinstance(items, str | bytes):
        raise refuse(name, _CHANNELS, value, _REMEDY)
    pairs = list(items)
    for pair in pairs:
        is_pair = isinstance(pair, tuple) and len(pair) == len(("channel", "transport"))
        key = pair[0] if is_pair else pair
        if not (is_pair and isinstance(key, Channel)):
            allowed = f"{_CHANNELS}, and each key a Channel"
            raise refuse(name, allowed, key, _REMEDY)
    return value if isinstance(value, Mapping) else dict(pairs)


def a_transport(value: Any, name: str) -> Any:
    """Allow an object with the three members of a transport."""
    is_able = callable(getattr(value, "send", None)) and hasattr(value, "capabilities")
    if isinstance(value, type) or not is_able or not hasattr(value, "name"):
        remedy = "pass the transports themselves, one after the other, such as SmtpTransport(…)"
        raise refuse(name, "a transport", value, remedy)
    return value


def a_base_url(value: Any, name: str) -> Any:
    """Allow what URLs of the host begin with; a slash at its end makes no difference."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - most programs need it never

    text: str = a_text(value, name)
    try:
        parts = urlsplit(text)
    except ValueError:  # a bracket that opens no IPv6 address
        parts = urlsplit("")
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(f"{name} must be such as https://shop.example/messaging")
    return text.rstrip("/")


def parsers_of(value: Any, name: str) -> Any:
    """Allow several receipt parsers, or one alone; no two of one name."""
    parsers = (value,) if callable(getattr(value, "parse", None)) else value
    remedy = f"write {name}=[TwilioReceipts(auth_token=…)]"
    if not isinstance(parsers, Iterable) or isinstance(parsers, str | bytes):
        raise refuse(name, "a list of receipt parsers", value, remedy)
    by_name: dict[str, Any] = {}
    for parser in parsers:
        is_able = all(callable(getattr(parser, method, None)) for method in ("verify", "parse"))
        if isinstance(parser, type) or not (is_able and hasattr(parser, "answer")):
            raise refuse(name, "a list of receipt parsers", parser, remedy)
        own = a_text(getattr(parser, "name", None), f"the name of a parser in {name}")
        if iscoroutinefunction(parser.verify) or iscoroutinefunction(parser.parse):
            raise ConfigurationError(
                f"the receipt parser {own!r} is asynchronous: make verify and parse plain methods"
            )
        if own in by_name:
            raise ConfigurationError(f"two receipt parsers are called {own!r}: give one a `name`")
        by_name[own] = parser
    return by_name


def a_clock(value: Any, name: str) -> Any:
    """Allow an object that tells the time; a datetime has a `now` as well, and is none."""
    if isinstance(value, datetime | type) or not callable(getattr(value, "now", None)):
        remedy = f"write {name}=SystemClock(), or leave it out"
        raise refuse(name, "a clock with a method now()", value, remedy)
    return value


def clock_or_function(value: Any, name: str) -> Any:
    """Allow a clock, or a function that returns seconds."""
    return value if callable(value) and not isinstance(value, type) else a_clock(value, name)


def keys_of(value: Any, name: str) -> Any:
    """Allow anything that yields idempotency keys, and no key alone."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        raise refuse(name, "a list of keys, one for each request", value, f"write {name}=[key]")
    return value


def requests_of(value: Any, name: str) -> Any:
    """Allow anything that yields requests, and no request alone."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping | SendMessage):
        raise refuse(name, "a list of requests", value, f"write {name}=[request]")
    return value


def contact_id(value: Any, name: str) -> Any:
    """Allow the id of a contact, a UUID as text is written, and the contact itself."""
    own = value.id if isinstance(value, Contact) else value
    if not isinstance(own, str | UUID):
        raise refuse(name, "the id of a contact", value, "pass `contact.id`, which is text")
    return a_text(str(own), name)


def project_id(value: Any, name: str) -> Any:
    """Allow the id of a template project, and the project itself."""
    own = value.id if isinstance(value, TemplateProject) else value
    if not isinstance(own, str):
        raise refuse(name, "the id of a template", value, "pass `project.id`, which is text")
    return a_text(own, name)


def contact_ids(value: Any, name: str) -> Any:
    """Allow several ids of contacts, or one alone."""
    return [
        contact_id(item, name)
        for item in several("ids of contacts", alone=(str, UUID, Contact))(value, name)
    ]


def identifiers_of(value: Any, name: str) -> Any:
    """Allow several identifiers, or one alone."""
    return [
        AN_IDENTIFIER(item, name) for item in several("identifiers", alone=Identifier)(value, name)
    ]


def send_rules_of(value: Any, name: str) -> Any:
    """Allow send rules for all, or by the id of a workspace or channel, also as text."""
    if isinstance(value, SendRules):
        return value
    if not isinstance(value, Mapping):
        allowed = "SendRules, or a dict of them by the id of a workspace or channel"
        raise refuse(name, allowed, value, f"write {name}=SendRules(quiet_hours=…)")
    return {_rules_key(key, name): _rules(rules, name) for key, rules in value.items()}


def _rules_key(value: Any, name: str) -> UUID:
    key: UUID = uuid(value.id if isinstance(value, Channel) else value, f"a key of {name}")
    return key


def _rules(value: Any, name: str) -> SendRules:
    if not isinstance(value, SendRules):
        raise refuse(f"a value of {name}", "SendRules", value, "write SendRules(quiet_hours=…)")
    return value
