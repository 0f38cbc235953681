"""One message: did she get it, what did it look like, and what happened?"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from attrs import evolve, frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.content import words_of
from messaging_adapters.viewer.forms import Form, FormAnswer, SeeOther, Shown, Submit
from messaging_adapters.viewer.masking import addresses_of, without
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages import message_acts
from messaging_adapters.viewer.pages.message_acts import Act, acts_of
from messaging_adapters.viewer.pages.message_facts import Fact, Tag, facts_of, tags_of
from messaging_adapters.viewer.pages.message_files import FileView, files_of
from messaging_adapters.viewer.pages.message_mail import MailView, mail_of, shows_source
from messaging_adapters.viewer.pages.message_proof import Proof, proofs_of
from messaging_adapters.viewer.pages.message_push import PushView, push_of
from messaging_adapters.viewer.pages.message_receivers import Person, people_of
from messaging_adapters.viewer.pages.message_sms import SmsView, sms_of
from messaging_adapters.viewer.pages.message_timeline import Item, timeline_of
from messaging_adapters.viewer.pages.message_verdict import Verdict, erased_at, verdict_of
from messaging_adapters.viewer.pages.messages import position_of
from messaging_adapters.viewer.people import named, names_for
from messaging_adapters.viewer.reads import TOO_LONG, Reads
from messaging_core.errors import NotFoundError, StorageBusyError
from messaging_core.messages.inspection import MOST_EVENTS, Inspection
from messaging_core.messenger import Messenger
from messaging_core.models.common.audit import AuditAction, AuditEntry
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.status import Status
from messaging_core.rules.policy.lifecycle import is_final

_OPENED_WITHIN: Final = timedelta(minutes=10)
_NAMES: Final = ("view", "workspace")
_MOST_WORDS: Final = 20_000


@frozen(kw_only=True)
class MessageModel:
    """What the page reads.

    Attributes:
        inspection: The message, and what is stored about it.
        newer: The message that was accepted next, if there is one.
        older: The message that was accepted before it.
        shown: The place of the person whose address is shown.
        position: From where the page follows what changes; nothing once the message has ended.
    """

    inspection: Inspection
    newer: UUID | None = None
    older: UUID | None = None
    shown: int | None = None
    position: int | None = None


@frozen(kw_only=True)
class Done:
    """What a person did with the message, such as a click."""

    word: str
    at: str
    machine: bool


@frozen(kw_only=True)
class MessageView:
    """What the page shows.

    Attributes:
        hidden: Why the content is not shown, if it is not.
        words: The words of a message of another platform.
        people: The receivers; or the sender, of a message that came in.
        is_cut: Whether more happened than is shown.
    """

    id: str
    verdict: Verdict
    erased: str | None
    newer_url: str | None
    older_url: str | None
    list_url: str
    url: str
    position: int | None
    may_show_addresses: bool
    hidden: str | None
    sms: SmsView | None
    mail: MailView | None
    push: PushView | None
    words: str | None
    files: tuple[FileView, ...]
    people: tuple[Person, ...]
    proofs: tuple[Proof, ...]
    facts: tuple[Fact, ...]
    tags: tuple[Tag, ...]
    timeline: tuple[Item, ...]
    is_cut: bool
    interactions: tuple[Done, ...]
    acts: tuple[Act, ...]


async def read(request: PageRequest, reads: Reads) -> MessageModel:
    """Read a message with everything about it, and record that its content is opened."""
    request.parameters.require_known(_NAMES)
    position = await position_of(reads)
    inspection = await inspected(request, reads)
    await record_opening(inspection, request, reads)
    message = inspection.message
    if shows_source(inspection, request):
        await record(AuditAction.ADDRESS_SHOWN, message.id, request, reads)
    beside = await reads(_neighbours, reads.messenger, message, request.workspace)
    newer, older = (None, None) if beside is TOO_LONG else beside
    return MessageModel(
        inspection=await _named(inspection, request, reads),
        newer=newer,
        older=older,
        position=None if has_ended(message) else position,
    )


async def _named(inspection: Inspection, request: PageRequest, reads: Reads) -> Inspection:
    """Return an inspection whose message has the names of its contacts."""
    names = await reads(names_for, reads.messenger, [inspection.message], request.workspace)
    if names is TOO_LONG:
        return inspection
    return evolve(inspection, message=named(inspection.message, names))


def _neighbours(
    messenger: Messenger, message: Message, workspace: UUID
) -> tuple[UUID | None, UUID | None]:
    """Read which messages were accepted next, and before."""
    at = message.created_at
    older = MessageQuery(workspace=workspace, end_at=at, limit=1)
    newer = MessageQuery(workspace=workspace, start_at=at, limit=2, reverse=True)
    return (
        _other(messenger.find(newer).results, message),
        _other(messenger.find(older).results, message),
    )


def has_ended(message: Message) -> bool:
    """Return whether no more can be learned about a message, but what people do with it."""
    return is_final(message.status) and message.status is not Status.SENT


def _other(messages: Sequence[Message], own: Message) -> UUID | None:
    return next((message.id for message in messages if message.id != own.id), None)


async def inspected(request: PageRequest, reads: Reads) -> Inspection:
    """Return what is stored about the message of a path.

    Raises:
        NotFoundError: There is no such message in this workspace.
        StorageBusyError: It took too long.
    """
    inspection = await reads(reads.messenger.inspect, id_in(request), workspace=request.workspace)
    if inspection is TOO_LONG:
        raise StorageBusyError("the message could not be read in time")
    return inspection


def id_in(request: PageRequest) -> UUID:
    """Return the id of the message in a path.

    Raises:
        NotFoundError: It is no id, so there is no such message.
    """
    try:
        return UUID(request.path["message_id"])
    except ValueError as error:
        raise NotFoundError("a message is named by its id") from error


async def record_opening(inspection: Inspection, request: PageRequest, reads: Reads) -> None:
    """Record that a visitor opens the content; once in ten minutes.

    Raises:
        StorageBusyError: It could not be recorded in time; the content is not shown.
    """
    message = inspection.message
    if hidden_because(message, request) or message.body is None:
        return
    if _opened_lately(inspection.audit, request):
        return
    await record(AuditAction.CONTENT_OPENED, message.id, request, reads)


async def record(action: AuditAction, message_id: UUID, request: PageRequest, reads: Reads) -> None:
    """Record what a visitor is about to see.

    Raises:
        StorageBusyError: It could not be recorded in time, so nothing must be shown.
    """
    audit = reads.messenger.audit
    entry = audit.entry(
        action, actor=request.visitor.name, workspace=request.workspace, message_id=message_id
    )
    await reads.act(audit.record, entry)


def _opened_lately(entries: Sequence[AuditEntry], request: PageRequest) -> bool:
    since = request.times.now - _OPENED_WITHIN
    return any(
        entry.action is AuditAction.CONTENT_OPENED
        and entry.actor == request.visitor.name
        and entry.at > since
        for entry in entries
    )


def hidden_because(message: Message, request: PageRequest) -> str | None:
    """Return why a visitor does not see the content of a message."""
    if request.may_read(message.channel_id):
        return None
    if not request.may(Right.CONTENT):
        return "The content is shown to those who have the right content."
    return "One-time codes are shown to those who have the right secrets."


def show(request: PageRequest, model: MessageModel) -> MessageView:
    """Return what the page shows."""
    inspection, urls = model.inspection, request.urls
    message = inspection.message
    known = addresses_of(message)
    people = people_of(inspection, request, model.shown)
    hidden = hidden_because(message, request)
    is_open = hidden is None and message.body is not None
    sms = sms_of(inspection, known) if is_open else None
    mail = mail_of(inspection, known, request) if is_open else None
    push = push_of(inspection, known, request.times) if is_open else None
    is_other = is_open and not (sms or mail or push)
    return MessageView(
        id=str(message.id),
        verdict=verdict_of(inspection, request.times),
        erased=erased_at(inspection, request.times),
        newer_url=urls.to("messages", str(model.newer)) if model.newer else None,
        older_url=urls.to("messages", str(model.older)) if model.older else None,
        list_url=urls.to("messages"),
        url=urls.to("messages", str(message.id)),
        position=model.position,
        may_show_addresses=request.may(Right.ADDRESSES),
        hidden=hidden,
        sms=sms,
        mail=mail,
        push=push,
        words=_words(message, known) if is_other else None,
        files=files_of(message) if is_open and mail is None else (),
        people=people,
        proofs=proofs_of(inspection, request.times),
        facts=facts_of(inspection, known, request),
        tags=tags_of(message, request),
        timeline=timeline_of(message, inspection.events, inspection.audit, request.times),
        is_cut=len(inspection.events) >= MOST_EVENTS,
        interactions=tuple(_done(interaction, request) for interaction in inspection.interactions),
        acts=acts_of(inspection, people, request),
    )


def _words(message: Message, known: Sequence[str]) -> str:
    return text.lines(without(words_of(message.body), known), _MOST_WORDS) if message.body else ""


def _done(interaction: Interaction, request: PageRequest) -> Done:
    metadata = interaction.metadata
    return Done(
        word=interaction.type.replace("-", " ").capitalize(),
        at=request.times.written(interaction.created_at),
        machine=bool(metadata and metadata.prefetched),
    )


MESSAGE: Final = Page(
    name="message",
    title="Message",
    path="/messages/{message_id}",
    read=read,
    show=show,
    frame=lambda view: view.mail.frame_path if view.mail and view.mail.view == "html" else None,
    section="messages",
)


async def _replay(request: PageRequest, reads: Reads) -> FormAnswer:
    message_id = await message_acts.replay(request, id_in(request), reads)
    return SeeOther(request.urls.to("messages", str(message_id)))


async def _cancel(request: PageRequest, reads: Reads) -> FormAnswer:
    await message_acts.cancel(request, id_in(request), reads)
    return SeeOther(request.urls.to("messages", request.path["message_id"]))


async def _reschedule(request: PageRequest, reads: Reads) -> FormAnswer:
    await message_acts.reschedule(request, id_in(request), reads)
    return SeeOther(request.urls.to("messages", request.path["message_id"]))


async def _show_address(request: PageRequest, reads: Reads) -> FormAnswer:
    """Show the page with one address in full, after that was recorded."""
    inspection = await _named(await inspected(request, reads), request, reads)
    await record(AuditAction.ADDRESS_SHOWN, inspection.message.id, request, reads)
    await record_opening(inspection, request, reads)
    index = request.form.get("person") or ""
    shown = int(index) if index.isascii() and index.isdigit() and len(index) < 5 else None  # noqa: PLR2004
    return Shown(MESSAGE, show(request, MessageModel(inspection=inspection, shown=shown)))


def _form(name: str, right: Right, submit: Submit, *, is_look_up: bool = False) -> Form:
    path = f"{MESSAGE.path}/{name}"
    return Form(path=path, right=right, submit=submit, page=MESSAGE, is_look_up=is_look_up)


MESSAGE_FORMS: Final = (
    _form("replay", Right.ACT, _replay),
    _form("cancel", Right.ACT, _cancel),
    _form("reschedule", Right.ACT, _reschedule),
    _form("address", Right.ADDRESSES, _show_address, is_look_up=True),
)
