"""What every outcome of a transport must be like."""
# ruff: noqa: S101 - assert is how pytest asserts

from collections.abc import Collection
from datetime import timedelta
from typing import Final, get_args

from messaging_core.models.common.failure import Failure, FailureSource, Retry
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    SingleOutcome,
    Unknown,
)
from messaging_core.models.messages.envelope import Envelope
from messaging_core.testing.contracts.transport.envelopes import MARK, private_words

_RETRIES: Final[dict[type, set[Retry]]] = {
    Deferred: {Retry.TRANSIENT, Retry.THROTTLED, Retry.CONFIGURATION},
    Rejected: {Retry.PERMANENT, Retry.RECIPIENT_GONE, Retry.CONFIGURATION},
    Unknown: {Retry.AMBIGUOUS},
}
_LONGEST_DESCRIPTION: Final = 500
_LONGEST_RAW: Final = 10_000


def check_outcome(
    outcome: Outcome,
    *,
    marked: bool,
    envelope: Envelope | None = None,
    secrets: Collection[str] = (),
) -> None:
    """Assert that an outcome agrees with itself, and tells nothing that it should not.

    Args:
        outcome: What a transport answered.
        marked: Whether it asked for leave before.
        envelope: The message it answered for; none of its words may be repeated.
        secrets: Tokens and passwords of the transport.
    """
    words = {MARK, *secrets} | (private_words(envelope) if envelope else set())
    if isinstance(outcome, PerRecipient):
        _check_recipients(outcome, envelope)
        singles = list(outcome.outcomes.values())
    else:
        singles = [outcome]
    for single in singles:
        _check_single(single, words, secrets, marked=marked)


def _check_recipients(outcome: PerRecipient, envelope: Envelope | None) -> None:
    assert outcome.outcomes, "PerRecipient needs an outcome for each receiver"
    if envelope is not None:
        answered = set(outcome.outcomes)
        receivers = {receiver.value for receiver in envelope.receivers}
        assert answered == receivers, "PerRecipient answers for each receiver, and for no other"


def _check_single(
    single: SingleOutcome, words: Collection[str], secrets: Collection[str], *, marked: bool
) -> None:
    assert isinstance(single, get_args(SingleOutcome)), f"{type(single).__name__} is no outcome"
    if isinstance(single, Accepted | Unknown):
        assert marked, "what went out without leave must not be accepted or in doubt"
    if isinstance(single, Accepted):
        _check_references(single)
        assert len(single.raw) <= _LONGEST_RAW, "`raw` is the provider's answer, shortened"
        assert not _repeated(single.raw, secrets), "`raw` holds a secret"
        return
    check_failure(single.failure, words)
    allowed = _RETRIES[type(single)]
    retry = single.failure.retry
    assert retry in allowed, f"{type(single).__name__} does not go with Retry.{retry.name}"
    if isinstance(single, Deferred) and single.retry_after is not None:
        assert isinstance(single.retry_after, timedelta), "`retry_after` is a timedelta"
        assert single.retry_after >= timedelta(0), "`retry_after` is not negative"


def _check_references(accepted: Accepted) -> None:
    references = accepted.references
    assert isinstance(references, tuple), "references are a tuple"
    assert all(isinstance(reference, str) and reference for reference in references)
    assert len(set(references)) == len(references), "each reference comes once"


def check_failure(failure: Failure, words: Collection[str]) -> None:
    """Assert that a failure is short, and repeats none of these words."""
    assert isinstance(failure, Failure)
    assert isinstance(failure.code, int)
    assert failure.description, "a failure needs a description"
    assert "\n" not in failure.description, "a description is one line"
    assert len(failure.description) <= _LONGEST_DESCRIPTION, "a description is short"
    source = failure.source or FailureSource()
    texts = (failure.description, source.name, source.code)
    assert all(isinstance(text, str) for text in texts), "description and source are text"
    repeated = _repeated(" ".join([*texts, repr(failure)]), words)
    assert not repeated, f"a failure repeats {len(repeated)} private words of the message"


def _repeated(text: str, words: Collection[str]) -> set[str]:
    return {word for word in words if word and word in text}
