"""What the status words of providers mean."""

import re
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging_adapters.providers.error_table import ErrorTable
from messaging_core.lazy import frozen
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import (
    InteractionReceipt,
    Receipt,
    ReceiptStatus,
    StatusReceipt,
)


@frozen
class Meaning:
    """Say what a status word means.

    Attributes:
        status: What became of the message; nothing where the word changes no status.
        interaction: What the person did with it.
    """

    status: ReceiptStatus | None = None
    interaction: InteractionType | None = None


NO_CHANGE: Final = Meaning()
SENT: Final = Meaning(ReceiptStatus.SENT)
DELIVERED: Final = Meaning(ReceiptStatus.DELIVERED)
FAILED: Final = Meaning(ReceiptStatus.FAILED)
READ: Final = Meaning(ReceiptStatus.DELIVERED, InteractionType.READ)

_ENHANCED: Final = re.compile(r"([245])\.([0-9]{1,3})\.[0-9]{1,3}")  # RFC 3463 §2


def enhanced_codes(status: str) -> tuple[str, ...]:
    """Return an enhanced status of a mail server and its classes, as error tables name them.

    Of `5.1.1` that is `5.1.1`, `5.1.x` and `5.x.x`; of anything else nothing.
    """
    match = _ENHANCED.fullmatch(status)
    if match is None:
        return ()
    kind, subject = match.groups()
    return (status, f"{kind}.{subject}.x", f"{kind}.x.x")


@frozen(kw_only=True)
class StatusReport:
    """One status word about one message, as a provider reports it.

    Attributes:
        source: The name of the parser.
        word: The provider's status word.
        reference: The provider's id of the message.
        key: Tells this report from all others.
        codes: The provider's error codes, the most exact one first.
    """

    source: str
    at: datetime
    word: str
    reference: str
    key: str
    raw: str
    message_id: UUID | None = None
    codes: tuple[str, ...] = ()

    def receipts(self, meaning: Meaning, errors: ErrorTable) -> list[Receipt]:
        """Return what is to be kept of a word with this meaning."""
        is_failure = meaning.status is ReceiptStatus.FAILED
        status = StatusReceipt(
            source=self.source,
            at=self.at,
            status=meaning.status,
            provider_status=self.word,
            reference=self.reference,
            message_id=self.message_id,
            failure=errors.reported(self.codes, self.word) if is_failure else None,
            key=self.key,
            raw=self.raw,
        )
        if meaning.interaction is None:
            return [status]
        interaction = InteractionReceipt(
            source=self.source,
            at=self.at,
            type=meaning.interaction,
            reference=self.reference,
            message_id=self.message_id,
            key=f"{self.key}:{meaning.interaction}",
        )
        return [status, interaction]
