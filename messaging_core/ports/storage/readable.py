"""Stored values that may be damaged: what shares a transaction with one must go on."""

from collections.abc import Callable
from typing import Final, TypeVar
from uuid import UUID

from messaging_core.errors import MessagingError, StorageError
from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.messages.message import Message
from messaging_core.ports.storage.transaction import Transaction

_log = logger(__name__)

V = TypeVar("V")

# What damaged bytes make of the code that reads them. Anything else may come from a storage: inside
# a transaction its driver's errors are not ours yet, and after one the transaction is lost.
_DAMAGE: Final = (
    MessagingError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def readable(read: Callable[[], V], what: str) -> V | None:
    """Return what a call returns, or nothing where a stored value that it needs is damaged.

    Args:
        read: What it wrote before it raised stays in the transaction.
        what: What the log says about it: `message 7 cannot be …`.

    Raises:
        StorageError: The storage failed; so would everything else in the transaction.
        Exception: Its driver failed, or what else no damaged value can bring about.
    """
    try:
        return read()
    except StorageError:
        raise
    except _DAMAGE as error:
        _log.error("a stored value is damaged: %s: %s", what, fault_of(error))
        return None


def readable_message(tx: Transaction, workspace: UUID, message_id: UUID) -> Message | None:
    """Return a message of this workspace, unless it is not there or damaged."""
    return readable(
        lambda: tx.messages.get(workspace, message_id), f"message {message_id} cannot be read"
    )


def readable_delivery(
    tx: Transaction, workspace: UUID, message_id: UUID
) -> tuple[Delivery | None] | None:
    """Return the delivery of a message, or that there is none; nothing where it is damaged."""
    return readable(
        lambda: (tx.outbox.delivery(workspace, message_id),),
        f"the delivery of message {message_id} cannot be read",
    )
