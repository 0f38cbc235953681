"""What the words of a message centre mean; the table is `provider_words.toml` beside this file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve, frozen

from messaging_core.errors import ConfigurationError
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.receipt import ReceiptStatus

_WORD: Final = 7  # letters; appendix B abbreviates to so many
_KEYS: Final = frozenset({"name", "retry", "code", "text"})


@frozen(kw_only=True)
class Meaning:
    """What one `command_status` means.

    Attributes:
        retry: What to do about it.
        code: Our code of the failure.
        text: What it says, with a remedy where the sender has one.
        name: The specification's name.
    """

    retry: Retry
    code: FailureCode
    text: str
    name: str = ""


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


@frozen(kw_only=True)
class ProviderWords:
    """The statuses and states of one message centre.

    Attributes:
        statuses: By `command_status`.
        default: Of all others.
        states: By number.
        words: By the first seven letters.
    """

    statuses: Mapping[int, Meaning]
    default: Meaning
    states: Mapping[int, State]
    words: Mapping[str, State]

    def meaning(self, status: int) -> Meaning:
        """Return what a `command_status` means."""
        return self.statuses.get(status, self.default)

    def failure(self, status: int, transport: str, place: str = "") -> Failure:
        """Return a status as a failure.

        Args:
            status: Other than 0.
            transport: Its name.
            place: Which part of a message was refused, where it has several.
        """
        meaning = self.meaning(status)
        source_code = f"{status:#06x} {meaning.name}".strip()
        return Failure(
            code=meaning.code,
            description=f"{place}{meaning.text}",
            source=FailureSource(code=source_code, name=transport),
            retry=meaning.retry,
        )

    def state(self, number: int | None, word: str) -> State:
        """Return a state by its number, or else by its word; unknown ones are kept as they are."""
        by_number = self.states.get(number) if number is not None else None
        unknown = State(word=word or (str(number) if number is not None else ""))
        return by_number or self.words.get(word.upper()[:_WORD], unknown)


@cache
def standard_words() -> ProviderWords:
    """Return the table that comes with this package."""
    text = files(__package__).joinpath("provider_words.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    rows = {**table["status"]}
    default = _meaning(rows.pop("default"))
    states = [(row.get("value"), _state(row)) for row in table["state"]]
    return ProviderWords(
        statuses=MappingProxyType({int(key, 16): _meaning(row) for key, row in rows.items()}),
        default=default,
        states=MappingProxyType({number: state for number, state in states if number is not None}),
        words=MappingProxyType({state.word: state for _, state in reversed(states)}),
    )


def words_with(statuses: Mapping[Any, Any]) -> ProviderWords:
    """Return the table with other meanings of some statuses.

    Args:
        statuses: By number, or its text such as `0x0B`: each with what differs of `retry`, `code`
            and `text`.

    Raises:
        ConfigurationError: A key is no number, or a value is not one that the table knows.
    """
    words = standard_words()
    changed = {
        number: _changed(words.meaning(number), row, key)
        for key, row in statuses.items()
        for number in [_number(key)]
    }
    return evolve(words, statuses=MappingProxyType({**words.statuses, **changed}))


def _number(key: Any) -> int:
    try:
        number = int(key, 0) if isinstance(key, str) else int(key)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < 1 << 32:
        raise ConfigurationError(
            f'statuses: {key!r} is no command_status; write 0x0B, or "0x0B" in a file'
        )
    return number


def _changed(meaning: Meaning, row: Any, key: Any) -> Meaning:
    if not isinstance(row, Mapping) or row.keys() - _KEYS:
        raise ConfigurationError(
            f'statuses[{key!r}] holds retry, code and text, such as {{"retry": "permanent"}}'
        )
    before = {
        "retry": meaning.retry.value,
        "code": meaning.code.name,
        "text": meaning.text,
        "name": meaning.name,
    }
    try:
        changed = _meaning({**before, **row})
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"statuses[{key!r}]: retry is a value of Retry, and code a name of FailureCode"
        ) from error
    if changed.retry is Retry.AMBIGUOUS:
        raise ConfigurationError(
            f"statuses[{key!r}]: a refusal leaves no doubt; choose another retry"
        )
    return changed


def _meaning(row: Mapping[str, str]) -> Meaning:
    return Meaning(
        retry=Retry(row["retry"]),
        code=FailureCode[row["code"]],
        text=str(row["text"]),
        name=str(row.get("name", "")),
    )


def _state(row: Mapping[str, Any]) -> State:
    failure = (
        Failure(code=FailureCode[row["code"]], description=row["text"]) if "code" in row else None
    )
    status = ReceiptStatus(row["status"]) if row["status"] else None
    return State(word=row["word"], status=status, failure=failure)
