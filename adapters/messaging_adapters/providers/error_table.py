"""The error codes of a provider: a data file of its own, which a host can correct."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, Self

from messaging_core.arguments import choice, refuse
from messaging_core.errors import ConfigurationError
from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry

_USUAL_CODE: Final = {
    Retry.TRANSIENT: FailureCode.TRANSIENT,
    Retry.THROTTLED: FailureCode.THROTTLED,
    Retry.PERMANENT: FailureCode.REFUSED,
    Retry.RECIPIENT_GONE: FailureCode.UNKNOWN_RECEIVER,
    Retry.CONFIGURATION: FailureCode.NOT_CONFIGURED,
    Retry.AMBIGUOUS: FailureCode.IN_DOUBT,
}
_KEYS: Final = frozenset({"retry", "code", "text"})


@frozen
class ErrorTable:
    """Look up what a provider's error code means.

    Attributes:
        provider: The name that failures show as their source.
        failures: By the provider's code.
    """

    provider: str
    failures: Mapping[str, Failure]

    def with_changes(self, changes: Mapping[str, Mapping[str, str]]) -> Self:
        """Return a table in which some codes mean something else.

        Args:
            changes: By code: `retry` (a value of `Retry`), and if wanted `text`, a few words, and
                `code`, the name of a `FailureCode` other than the usual one of that `retry`.

        Raises:
            ArgumentError: A class is unknown.
            ConfigurationError: A key or the name of a `FailureCode` is unknown.
        """
        changed = {
            str(code): _failure(self.provider, str(code), entry) for code, entry in changes.items()
        }
        return type(self)(self.provider, {**self.failures, **changed})

    def find(self, code: str | None) -> Failure | None:
        """Return the failure that a code means, or nothing for an unknown code."""
        return self.failures.get(code or "")

    def reported(self, codes: Sequence[str], word: str) -> Failure:
        """Return the failure that a receipt reports; unknown codes mean a passing trouble.

        Args:
            codes: The provider's error codes; the first known one counts.
            word: The provider's status word.
        """
        for code in codes:
            failure = self.find(code)
            # A receipt ends every doubt: what is ambiguous in an answer has failed here.
            if failure is not None and failure.retry is not Retry.AMBIGUOUS:
                return failure
        return Failure(
            code=FailureCode.TRANSIENT if codes else FailureCode.UNREACHABLE,
            description=f"reported as {word}",
            source=FailureSource(name=self.provider, code=codes[0] if codes else ""),
            retry=Retry.TRANSIENT,
        )


@cache
def error_table(provider: str) -> ErrorTable:
    """Return the table that ships with the engine, `<provider>_errors.toml` of this package."""
    text = files(__package__).joinpath(f"{provider}_errors.toml").read_text(encoding="utf-8")
    return ErrorTable(provider, {}).with_changes(tomllib.loads(text)["codes"])


def _failure(provider: str, code: str, entry: Mapping[str, str]) -> Failure:
    place = f"errors[{code!r}]"
    if not isinstance(entry, Mapping):
        raise refuse(place, "a dict", entry, 'write {"retry": "transient", "text": "…"}')
    if unknown := entry.keys() - _KEYS:
        raise ConfigurationError(f"{place} has no key {', '.join(sorted(map(str, unknown)))}")
    retry: Retry = choice(*Retry)(entry.get("retry"), f"{place}['retry']")
    return Failure(
        code=_code(place, entry["code"]) if "code" in entry else _USUAL_CODE[retry],
        description=entry.get("text", f"error {code}"),
        source=FailureSource(name=provider, code=code),
        retry=retry,
    )


def _code(place: str, name: Any) -> FailureCode:
    member = FailureCode.__members__.get(str(name).upper())
    if member is None:
        names = ", ".join(map(str.lower, FailureCode.__members__))
        raise ConfigurationError(f"{place}['code'] must be one of {names}")
    return member
