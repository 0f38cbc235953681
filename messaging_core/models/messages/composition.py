"""Make a request of the keywords of the short way."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final
from uuid import UUID

from messaging_core.arguments import a_text, any_instant, described, refuse
from messaging_core.errors import ArgumentError
from messaging_core.models.content.body import (
    Attachment,
    Body,
    HtmlBody,
    HtmlMetadata,
    TextBody,
    TextMetadata,
)
from messaging_core.models.content.template import (
    BooleanParameter,
    NumberParameter,
    ObjectParameter,
    Parameter,
    StringParameter,
    TemplateReference,
)
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.messages.request_fields import RequestFields
from messaging_core.models.people.contact import Contact, Receiver, ReceiverContact, ReceiverType

_NAMES: Final = tuple(RequestFields.__annotations__)
_CONTENTS: Final = ("text", "html", "template")
_OF_TEMPLATES: Final = ("locale", "data")
_TO: Final = 'write to="+31612345678" with quotes, or an email address'
_WHOLE: Final = "a template has the whole content"
_FULL: Final = "SendMessage has everything else"

# What other libraries call these, and what `SendMessage` does.
_SYNONYMS: Final = {
    **dict.fromkeys(("receiver", "recipient", "recipients", "phone", "number", "email"), "to"),
    **dict.fromkeys(("receivers", "address", "phone_number", "to_emails", "contact"), "to"),
    **dict.fromkeys(("body", "message", "content", "msg", "sms", "plain"), "text"),
    **dict.fromkeys(("title", "subject_line"), "subject"),
    **dict.fromkeys(("scheduled_for", "at", "when", "schedule", "eta", "delay"), "send_at"),
    **dict.fromkeys(("html_body", "html_message", "body_html", "html_content"), "html"),
    **dict.fromkeys(("variables", "context", "params", "parameters", "template_data"), "data"),
    **dict.fromkeys(("language", "lang"), "locale"),
    **dict.fromkeys(("files", "attachment"), "attachments"),
    **dict.fromkeys(("tag", "labels", "categories"), "tags"),
    **dict.fromkeys(("key", "dedupe_key"), "idempotency_key"),
}


def compose(fields: Mapping[str, Any]) -> SendMessage:
    """Return the request that keywords describe.

    Raises:
        ArgumentError: A keyword is unknown, missing, of the wrong kind, or contradicts another.
    """
    for name in fields:
        if name not in _NAMES:
            raise ArgumentError(name, "a keyword of a request", "unknown", _meant(name))
    given = {name: value for name, value in fields.items() if value is not None}
    attachments = _attachments(given.get("attachments", ()))
    template = _template(given, attachments)
    return SendMessage(
        receiver=_receiver(given),
        body=None if template else _body(given, attachments),
        template=template,
        scheduled_for=any_instant(given["send_at"], "send_at") if "send_at" in given else None,
        reference=_text(given, "reference"),
        tags=tuple(_texts(given.get("tags", ()), "tags")),
    )


def _meant(name: str) -> str:
    likely = _SYNONYMS.get(name) or next(iter(get_close_matches(name, _NAMES, n=1)), None)
    return f"write {likely}=…" if likely else f"there are {', '.join(_NAMES)}; {_FULL}"


def _receiver(given: Mapping[str, Any]) -> Receiver:
    to = given.get("to")
    if isinstance(to, Receiver):
        if "cc" in given or "bcc" in given:
            raise refuse("to", "addresses beside cc= and bcc=", to, "put the copies into to(…)")
        return to
    if to is None:
        raise ArgumentError("to", "given", "missing", _TO)
    contacts = [_contact(addressee) for addressee in _several(to, "to")]
    if not contacts:
        raise refuse("to", "at least one receiver", to, _TO)
    for kind in (ReceiverType.CC, ReceiverType.BCC):
        contacts += [
            ReceiverContact(identifier_value=address, type=kind)
            for address in _texts(given.get(kind, ()), kind)
        ]
    return Receiver(contacts=tuple(contacts))


def _contact(addressee: Any) -> ReceiverContact:
    if isinstance(addressee, ReceiverContact):
        return addressee
    if isinstance(addressee, Contact):
        return ReceiverContact(id=addressee.id)
    if not isinstance(addressee, str):
        raise refuse("to", "an address as text, or a Contact", addressee, _TO)
    return ReceiverContact(identifier_value=a_text(addressee, "to"))


def _body(given: Mapping[str, Any], attachments: tuple[Attachment, ...]) -> Body:
    for name in _OF_TEMPLATES:
        if name in given:
            raise refuse(name, "left out without template=", given[name], "add template=…")
    text, html, subject = (_text(given, name) for name in ("text", "html", "subject"))
    if html is not None:
        metadata = None if subject is None else HtmlMetadata(subject=subject)
        return HtmlBody(html=html, text=text, attachments=attachments, metadata=metadata)
    if text is None:
        allowed = "one of text=, html= and template="
        raise ArgumentError("the content", allowed, "missing", 'write text="…"')
    return TextBody(
        text=text,
        attachments=attachments,
        metadata=None if subject is None else TextMetadata(subject=subject),
    )


def _template(
    given: Mapping[str, Any], attachments: tuple[Attachment, ...]
) -> TemplateReference | None:
    template = given.get("template")
    if template is None:
        return None
    for name in ("text", "html", "subject"):
        if name in given:
            raise refuse(name, "left out beside template=", given[name], _WHOLE)
    if isinstance(template, TemplateReference):
        for name in (*_OF_TEMPLATES, "attachments"):
            if name in given:
                remedy = "put it into the TemplateReference"
                raise refuse(name, "used with the name of a template", given[name], remedy)
        return template
    identity = _text(given, "template") or ""
    is_id = _is_uuid(identity)
    return TemplateReference(
        project_id=identity if is_id else None,
        name=None if is_id else identity,
        locale=_text(given, "locale"),
        parameters=_parameters(given.get("data", {})),
        attachments=attachments,
    )


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _parameters(data: Any) -> tuple[Parameter, ...]:
    if not isinstance(data, Mapping):
        raise refuse("data", "a dict of values by name", data, 'write data={"name": "Ann"}')
    return tuple([_parameter(name, value) for name, value in data.items()])


def _parameter(key: Any, value: Any) -> Parameter:
    name = a_text(key, "data")
    if isinstance(value, bool):
        return BooleanParameter(key=name, value=value)
    if isinstance(value, int | float):
        return NumberParameter(key=name, value=value)
    if isinstance(value, Mapping):
        return ObjectParameter(key=name, value=value)
    if isinstance(value, str) or value is None:
        return StringParameter(key=name, value=value)
    remedy = "write str(value), or put a list into an object"
    raise ArgumentError(
        f"data[{name!r}]", "a text, a number, a flag or a dict", described(value), remedy
    )


def _attachments(value: Any) -> tuple[Attachment, ...]:
    is_many = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    attachments = tuple(value) if is_many else (value,)
    for attachment in attachments:
        if not isinstance(attachment, Attachment):
            remedy = 'write attachments=[attach(path.read_bytes(), "invoice.pdf")]'
            raise refuse("attachments", "a list of Attachment", attachment, remedy)
    return attachments


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value: str | None = a_text(given[name], name) if name in given else None
    return value


def _texts(value: Any, name: str) -> list[str]:
    return [a_text(item, name) for item in _several(value, name)]


def _several(value: Any, name: str) -> Iterable[Any]:
    if isinstance(value, str | Contact | ReceiverContact):
        return (value,)
    if not isinstance(value, Iterable) or isinstance(value, bytes | Mapping):
        remedy = _TO if name == "to" else f'write {name}="…"'
        raise refuse(name, "a text, or a list of them", value, remedy)
    return value
