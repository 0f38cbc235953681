"""What the words of a message centre mean: its statuses, and the states in its receipts."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve, frozen

from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.receipt import ReceiptStatus

_ABBREVIATED: Final = 7  # letters of a state (SMPP 3.4 appendix B)
_OCTET: Final = 0xFF


@frozen(kw_only=True)
class State:
    """What one state of a message means (`message_state`, and `stat` in the text of a receipt).

    Attributes:
        word: The state itself.
        status: What it means for a message; absent where it says nothing.
        failure: Why the message failed.
    """

    word: str
    status: ReceiptStatus | None = None
    failure: Failure | None = None


def _failed(word: str, code: FailureCode, description: str) -> State:
    failure = Failure(code=code, description=description)
    return State(word=word, status=ReceiptStatus.FAILED, failure=failure)


_SENT, _DELIVERED = ReceiptStatus.SENT, ReceiptStatus.DELIVERED

STATES: Final[Mapping[int, State]] = MappingProxyType(
    {
        # SMPP 3.4 §5.2.28; 0 and 9 are of version 5.0.
        0: State(word="SCHEDULED", status=_SENT),
        1: State(word="ENROUTE", status=_SENT),
        2: State(word="DELIVERED", status=_DELIVERED),
        3: _failed(
            "EXPIRED",
            FailureCode.EXPIRED,
            "the validity ended before the message could be delivered",
        ),
        4: _failed("DELETED", FailureCode.REFUSED, "the message was deleted at the centre"),
        5: _failed("UNDELIVERABLE", FailureCode.UNREACHABLE, "the message cannot be delivered"),
        6: State(word="ACCEPTED", status=_SENT),
        7: State(word="UNKNOWN"),
        8: _failed("REJECTED", FailureCode.REFUSED, "the network refused the message"),
        9: _failed("SKIPPED", FailureCode.REFUSED, "the message was skipped"),
    }
)

_WORDS: Final[Mapping[str, State]] = MappingProxyType(
    {state.word[:_ABBREVIATED]: state for state in STATES.values()}
    | {
        "DELIVRD": STATES[2],
        "ACCEPTD": STATES[6],
        "REJECTD": STATES[8],
        "FAILED": STATES[5],  # no word of the specification, but of many centres
    }
)


def state_of(number: int | None, word: str) -> State:
    """Return a state by its number, or else by its word; unknown ones are kept as they are."""
    by_number = STATES.get(number) if number is not None else None
    unknown = State(word=word or (str(number) if number is not None else ""))
    return by_number or _WORDS.get(word.upper()[:_ABBREVIATED], unknown)


def status_table(changes: Mapping[Any, Any]) -> ErrorTable:
    """Return what the statuses of a centre mean: `providers/smpp_errors.toml`, as corrected.

    Args:
        changes: What the host corrects: by number, or its text such as `0x0B`, as in `ErrorTable`.

    Raises:
        ConfigurationError: A key is no status, or a value is none that the table knows.
    """
    changed = error_table("smpp").with_changes(
        {_key(_number(status)): entry for status, entry in changes.items()}
    )
    for code, failure in changed.failures.items():
        if failure.retry is Retry.AMBIGUOUS:
            raise ConfigurationError(f"errors[{code!r}]: a refusal leaves no doubt; change retry")
    return changed


def failure_of(status: int, table: ErrorTable, transport: str, place: str = "") -> Failure:
    """Return a status other than 0 as a failure; an unknown one means a passing trouble.

    Args:
        status: `command_status`.
        table: What statuses mean.
        transport: Its name.
        place: Which part of a message was refused, where it has several.
    """
    failure = table.find(_key(status)) or _UNKNOWN
    return evolve(
        failure,
        description=f"{place}{failure.description}",
        source=FailureSource(code=_key(status), name=transport),
    )


_UNKNOWN: Final = Failure(
    code=FailureCode.TRANSIENT,
    description="the message centre refused with a status of its own",
    retry=Retry.TRANSIENT,
)


def _key(status: int) -> str:
    return f"0x{status:02X}" if status <= _OCTET else f"0x{status:04X}"


def _number(status: Any) -> int:
    try:
        number = int(status, 0) if isinstance(status, str) else int(status)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < 1 << 32:
        raise ConfigurationError(
            f"errors: {status!r} is no command_status; write 0x0B, or its text in a file"
        )
    return number
