"""Stored values that may be damaged: what shares a transaction with one must go on."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from messaging_core.errors import StorageError
from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.models.messages.message import Message
from messaging_core.ports.storage.transaction import Transaction

_log = logger(__name__)

V = TypeVar("V")


def readable(read: Callable[[], V], what: str) -> V | None:
    """Return what a call returns, or nothing where a stored value that it needs is damaged.

    Args:
        read: What it wrote before it raised stays in the transaction.
        what: What the log says about it: `message 7 cannot be …`.

    Raises:
        StorageError: The storage failed; so would everything else in the transaction.
    """
    try:
        return read()
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever its bytes are, the others go on
        _log.error("%s: %s", what, fault_of(error))
        return None


def readable_message(tx: Transaction, workspace: UUID, message_id: UUID) -> Message | None:
    """Return a message of this workspace, unless it is not there or damaged."""
    return readable(
        lambda: tx.messages.get(workspace, message_id), f"message {message_id} cannot be read"
    )
