"""Store each receipt durably, then apply it once; `processor` applies it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, Final
from uuid import UUID

from attrs import evolve, field

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.context import EngineContext
from messaging_core.decisions.acceptance.drafting import received
from messaging_core.decisions.acceptance.received_files import take_files
from messaging_core.decisions.status import events
from messaging_core.errors import (
    ConfigurationError,
    StorageBusyError,
    StorageError,
    StorageFullError,
)
from messaging_core.host_code import HostCode, fault_of
from messaging_core.lazy import frozen, logger
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    KeptReceipt,
    Receipt,
    ReceiptState,
    Reception,
)
from messaging_core.models.messages.message import Message
from messaging_core.ports.receipts import ReceiptParser, SupportsFetch
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.receipts.incoming_media import IncomingMedia
from messaging_core.receipts.keywords import KeywordHandler, Keywords, known_sender
from messaging_core.receipts.processor import ReceiptProcessor, by_workspace
from messaging_core.receipts.reassembly import reassembled
from messaging_core.wire import encode
from messaging_core.wire.receipts import as_receipts
from messaging_core.wire.stored.fingerprint import hash_of

_log = logger(__name__)

_PAGE = 250
"""How many receipts are applied in one transaction, for whose length all other writers wait."""

FIRST_PAUSE: Final = timedelta(seconds=1)
"""The pause after which a receipt is tried again; it doubles with each failure."""

LONGEST_PAUSE: Final = timedelta(hours=1)

MOST_FAILURES: Final = 32
"""After so many failures, in the course of about a day, a receipt waits for a person."""

Result = Message | bool | None
"""What became of a receipt: the message that came in, whether it was applied, or a failure."""


@frozen(kw_only=True)
class ReceiptInbox:
    """Store receipts before anything else, and apply each of them once.

    Attributes:
        context: The parts and settings of the messenger; people write to its channels.
        acceptor: Accepts the answers to what people write.
        keywords: What is done about STOP, START and HELP.
        parsers: By name; some fetch messages that their provider only announced.
        media: Where the files of messages that people send are kept, if the host keeps them.
    """

    context: EngineContext
    acceptor: MessageAcceptor
    keywords: Keywords = field(factory=Keywords)
    parsers: Mapping[str, ReceiptParser] = field(factory=dict)
    media: IncomingMedia | None = None

    def receive(
        self, receipts: Iterable[Receipt], *, workspace: UUID, connection: Any = None
    ) -> Reception:
        """Keep receipts durably, and then apply those that are new.

        When this returns, or raises in its second step, nothing of them can get lost: what could
        not be applied stays in the inbox, and a worker tries again.
        """
        receipts = list(receipts)
        new = self.keep(receipts, workspace=workspace, connection=connection)
        reception = Reception(repeated=len(receipts) - len(new))
        new = [entry for entry in new if not _is_announced(entry)]  # a worker fetches those
        for start in range(0, len(new), _PAGE):
            for result in self.apply_all(new[start : start + _PAGE], connection):
                reception = _counted(reception, result)
        return reception

    @repeated
    def keep(
        self, receipts: Iterable[Receipt], *, workspace: UUID, connection: Any = None
    ) -> list[KeptReceipt]:
        """Keep receipts durably in one transaction, and return the new ones; a worker applies."""
        now = self.context.clock.now()
        entries = [_kept(receipt, workspace, now) for receipt in receipts]
        with self.context.storage.begin(connection) as tx:
            positions = tx.receipts.keep(entries)
        return [
            evolve(entry, position=position)
            for entry, position in zip(entries, positions, strict=True)
            if position is not None
        ]

    def process_pending(self) -> int:
        """Apply receipts that were kept but not applied, and return how many that did.

        One that fails is tried again after pauses that grow, and is put aside in the end.

        Raises:
            StorageError: The inbox could not be read; try again.
        """
        applied, after = 0, 0
        unreachable: set[str] = set()
        while pending := self._pending(after):
            self._put_aside([entry for entry in pending if entry.receipt is None])
            sound = [entry for entry in pending if entry.receipt is not None]
            here = [entry for entry in sound if not _is_announced(entry)]
            applied += sum(result is not None for result in self.apply_all(here, None))
            for entry in filter(_is_announced, sound):
                whole = self._fetched(entry, unreachable)
                applied += whole is not None and self._apply_alone(whole, None) is not None
            after = pending[-1].position
        return applied

    def _fetched(self, entry: KeptReceipt, unreachable: set[str]) -> KeptReceipt | None:
        """Return a message with its content, or nothing if the provider cannot be asked now.

        A provider that fails is not asked again in this round: each time-out would delay all other
        receipts.
        """
        message = entry.receipt
        if not isinstance(message, IncomingMessage) or message.source in unreachable:
            return None
        try:
            whole = self._content_of(message)
        except Exception as error:  # noqa: BLE001 - foreign code; the message stays in the inbox
            unreachable.add(message.source)
            self._postpone(entry, fault_of(error), None)
            return None
        return evolve(entry, receipt=whole)

    def _content_of(self, message: IncomingMessage) -> Receipt:
        parser = self.parsers.get(message.source)
        if not isinstance(parser, SupportsFetch):
            raise ConfigurationError("no receipt parser of this name can fetch messages")
        with HostCode(f"the receipt parser {message.source}"):
            (whole,) = as_receipts(parser.fetch(message))
        return evolve(whole, channel_id=message.channel_id, is_announced=False)

    def _pending(self, after: int) -> list[KeptReceipt]:
        try:
            with self.context.storage.begin(read_only=True) as tx:
                now = self.context.clock.now()
                return tx.receipts.pending(limit=_PAGE, after=after, due=now, longest=LONGEST_PAUSE)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - the worker must go on
            _log.error("the receipts that wait could not be read: %s", type(error).__name__)
            return []

    def _put_aside(self, unreadable: Sequence[KeptReceipt]) -> None:
        """Look no more at receipts that cannot be read, and log each of them: once."""
        if not unreadable:
            return
        with self.context.storage.begin() as tx:
            for workspace, positions in by_workspace(unreadable).items():
                tx.receipts.mark(workspace, positions, ReceiptState.UNREADABLE)
        for entry in unreadable:
            _log.error("receipt %d cannot be read, and is put aside", entry.position)

    def apply_all(self, entries: Sequence[KeptReceipt], connection: Any) -> list[Result]:
        """Apply receipts in one transaction, or each in one of its own where one of them fails."""
        if len(entries) > 1:
            try:
                return self._apply_together(entries, connection)
            except StorageBusyError as error:
                # Each of them would wait as long again: they are kept, and a worker applies them.
                _log.error("receipts could not be applied: %s", type(error).__name__)
                return [None] * len(entries)
            except Exception as error:  # noqa: BLE001 - the fault of one, to be found
                _log.debug("applying receipts one by one after %s", type(error).__name__)
        return [self._apply_alone(entry, connection) for entry in entries]

    def _apply_alone(self, entry: KeptReceipt, connection: Any) -> Result:
        """Apply one receipt in a transaction of its own, so that a bad one spoils no other."""
        try:
            (result,) = self._apply_together([entry], connection)
        except (StorageBusyError, StorageFullError) as error:
            # Not the fault of the receipt: as soon as the storage can, it is applied.
            _log.error("receipt %d waits: %s", entry.position, type(error).__name__)
            return None
        except Exception as error:  # noqa: BLE001 - it is kept, and must not stop the others
            self._postpone(entry, type(error).__name__, connection)
            return None
        return result

    def _postpone(self, entry: KeptReceipt, what: str, connection: Any) -> None:
        """Let a receipt that failed wait, each time twice as long; after many times put it aside.

        The log gets the first failure and the last one. It never gets the text of an error, which
        may quote what a person wrote.
        """
        failures = entry.failures + 1
        is_last = failures >= MOST_FAILURES
        until = self.context.clock.now() + pause_after(failures)
        try:
            with self.context.storage.begin(connection) as tx:
                place = (entry.workspace, entry.position)
                tx.receipts.postpone(*place, failures=failures, until=until)
                if is_last:
                    tx.receipts.mark(entry.workspace, [entry.position], ReceiptState.FAILED)
        except Exception as error:  # noqa: BLE001 - it stays pending, and is tried again
            _log.error("receipt %d: not postponed: %s", entry.position, type(error).__name__)
        if failures == 1:
            _log.error("receipt %d could not be applied: %s", entry.position, what)
        elif is_last:
            text = "receipt %d failed %d times, and is put aside: %s; see Messenger.failed_receipts"
            _log.error(text, entry.position, failures, what)

    def failed(self, workspace: UUID, *, limit: int, after: int) -> list[KeptReceipt]:
        """Return receipts that were put aside because they could not be applied."""
        with self.context.storage.begin(read_only=True) as tx:
            return tx.receipts.failed(workspace, limit=limit, after=after)

    @repeated
    def retry(self, workspace: UUID) -> int:
        """Let a worker try all receipts again that were put aside, and return their number."""
        now, number = self.context.clock.now(), 0
        with self.context.storage.begin() as tx:
            while entries := tx.receipts.failed(workspace, limit=_PAGE):
                for entry in entries:
                    tx.receipts.postpone(workspace, entry.position, failures=0, until=now)
                positions = [entry.position for entry in entries]
                tx.receipts.mark(workspace, positions, ReceiptState.KEPT)
                number += len(entries)
        return number

    @repeated
    def _apply_together(self, entries: Sequence[KeptReceipt], connection: Any) -> list[Result]:
        began = monotonic()
        with self.context.begin_due(connection) as tx:
            reports = ReceiptProcessor(tx, self.context)
            results: list[Result] = [self._apply(tx, reports, entry) for entry in entries]
            reports.flush()
        reports.tell(timedelta(seconds=monotonic() - began))
        return results

    def _apply(
        self, tx: Transaction, reports: ReceiptProcessor, entry: KeptReceipt
    ) -> Message | bool:
        """Let one receipt have its effect, once; an incoming message comes back."""
        if not tx.receipts.is_pending(entry.workspace, entry.position):
            return True  # another process was faster: a worker sees what is kept at once
        if isinstance(entry.receipt, IncomingMessage):
            whole = reassembled(tx, entry, entry.receipt)
            return self._take_in(tx, entry, whole) if whole is not None else False
        return reports.apply(entry)

    def _take_in(
        self, tx: Transaction, entry: KeptReceipt, incoming: IncomingMessage
    ) -> Message | bool:
        channel = self.context.channels.get(incoming.channel_id)
        if channel is None or channel.workspace != entry.workspace:
            tx.receipts.mark(entry.workspace, [entry.position], ReceiptState.UNMATCHED)
            return False
        now = entry.received_at
        incoming = evolve(incoming, sender=known_sender(incoming, channel))
        identifier = Identifier(
            identifier_key=channel.identifier_key, identifier_value=incoming.sender
        )
        (contact_id,) = tx.contacts.ensure(
            entry.workspace, [identifier], now=now, new_id=lambda: str(self.context.ids.new(now))
        )
        message = received(
            incoming, channel, message_id=self.context.ids.new(now), contact_id=contact_id, now=now
        )
        if self.media is not None:
            message, files = take_files(
                message,
                workspace=entry.workspace,
                source=incoming.source,
                base_url=self.media.base_url,
                new_id=partial(self.context.ids.new, now),
                now=now,
            )
            tx.received_files.add(files)
        tx.messages.add(
            [NewMessage(workspace=entry.workspace, platform=channel.platform, message=message)]
        )
        tx.timeline.append([events.admitted(entry.workspace, message, None)])
        tx.receipts.mark(entry.workspace, [entry.position], ReceiptState.APPLIED)
        if keyword := self.keywords.keyword_in(message, channel):
            handler = KeywordHandler(
                tx=tx, acceptor=self.acceptor, context=self.context, keywords=self.keywords
            )
            handler.handle(keyword, message, channel, now, written_at=min(incoming.at, now))
        return message


def pause_after(failures: int) -> timedelta:
    """Return how long a receipt waits that could not be applied so many times."""
    doubled: int = 1 << min(failures - 1, MOST_FAILURES)
    return min(FIRST_PAUSE * doubled, LONGEST_PAUSE)


def _is_announced(entry: KeptReceipt) -> bool:
    return isinstance(entry.receipt, IncomingMessage) and entry.receipt.is_announced


def _counted(so_far: Reception, result: Result) -> Reception:
    if result is None:
        return evolve(so_far, failed=so_far.failed + 1)
    if result is False:
        return evolve(so_far, unmatched=so_far.unmatched + 1)
    incoming = (*so_far.incoming, result) if isinstance(result, Message) else so_far.incoming
    return evolve(so_far, applied=so_far.applied + 1, incoming=incoming)


def _kept(receipt: Receipt, workspace: UUID, now: datetime) -> KeptReceipt:
    return KeptReceipt(
        position=0,
        workspace=workspace,
        key=key_of(receipt),
        received_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
        receipt=receipt,
    )


def key_of(receipt: Receipt) -> str:
    """Return what tells a receipt from all others of its source.

    That is its own key, the reference of a message that came in, or what it says.
    """
    if receipt.key:
        return receipt.key
    if isinstance(receipt, IncomingMessage) and receipt.reference:
        return f"incoming:{receipt.channel_id}:{receipt.reference}"
    said = encode(evolve(receipt, raw=""))
    return hash_of(type(receipt).__name__.encode(), said)
