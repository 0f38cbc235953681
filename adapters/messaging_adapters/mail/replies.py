"""What the replies of an SMTP server mean, and what to do about each."""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from attrs import field

from messaging_adapters.mail.failures import outcome_of
from messaging_adapters.mail.redaction import Confidential
from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import SingleOutcome

CLOSING: Final = 421
"""After this reply, which may come at any time, the server hangs up (RFC 5321 §3.8)."""

_DESCRIPTION: Final = 200
_LOGIN_REFUSED: Final = "the server refused the login: check username and password"
_READ: Final = 1_000  # what is looked at of a reply that goes on and on
_ENHANCED: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\S)", re.ASCII)
_QUOTED: Final = re.compile(
    r"\s*([245]\d\d)[- ]\s*([245]\.\d{1,3}\.\d{1,3}(?!\S))?\s*(.*)", re.ASCII | re.DOTALL
)


class Stage(Enum):
    """The command that a reply belongs to: the meaning of a code depends on it."""

    SET_UP = auto()
    LOGIN = auto()
    SENDER = auto()
    RECIPIENT = auto()
    MESSAGE = auto()


@frozen
class Reply:
    """One reply of a server.

    Attributes:
        code: Three digits (RFC 5321 §4.2.1); -1 where the server sent something else.
        text: Its lines, which may well hold addresses.
        confidential: What they must not be shown to repeat.
    """

    code: int
    text: str = field(default="", repr=False)
    confidential: Confidential = field(factory=Confidential, repr=False, eq=False)

    @property
    def enhanced(self) -> str:
        """Return the enhanced status code (RFC 3463), or nothing where there is none."""
        match = _ENHANCED.match(self.text)
        return match[1] if match else ""

    @property
    def is_ok(self) -> bool:
        """Say whether the server did what it was asked."""
        return self.code // 100 == 2  # noqa: PLR2004 - RFC 5321 §4.2.1

    @property
    def is_final(self) -> bool:
        """Say whether the server decided: it took what was sent, or refused it."""
        return self.code // 100 in {2, 4, 5}

    @property
    def shown(self) -> str:
        """Return the text as one short line without addresses, content and credentials."""
        words = "".join(c if c.isprintable() else " " for c in self.text[:_READ]).split()
        if self.enhanced:  # digits of ours, not of the mail
            words = words[1:]
        shown = self.confidential.mask(" ".join(map(_without_address, words)))
        return f"{self.enhanced} {shown}".strip()[:_DESCRIPTION]

    @property
    def codes(self) -> str:
        """Return the basic and the enhanced code, as far as there are any."""
        return f"{self.code} {self.enhanced}".strip() if self.code > 0 else "no reply code"


@frozen
class Meaning:
    """What a reply says about a message, and how long to leave the server in peace."""

    retry: Retry
    code: FailureCode
    wait: timedelta | None = None


_LATER = Meaning(Retry.TRANSIENT, FailureCode.TRANSIENT)
# RFC 6647 §4.5: greylisting servers refuse what comes back within minutes.
_GREYLISTED = Meaning(Retry.TRANSIENT, FailureCode.TRANSIENT, timedelta(minutes=5))
_SLOWER = Meaning(Retry.THROTTLED, FailureCode.THROTTLED)
_REFUSED = Meaning(Retry.PERMANENT, FailureCode.REFUSED)
_BAD_ADDRESS = Meaning(Retry.PERMANENT, FailureCode.INVALID_RECEIVER)
_BAD_CONTENT = Meaning(Retry.PERMANENT, FailureCode.INVALID_CONTENT)
_GONE = Meaning(Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER)
_SET_UP = Meaning(Retry.CONFIGURATION, FailureCode.INVALID_CHANNEL_CONFIGURATION)
_BAD_SENDER = Meaning(Retry.CONFIGURATION, FailureCode.INVALID_SENDER)

MEANINGS: Final[Mapping[str, Meaning]] = {
    # Both codes together, then the enhanced one (RFC 3463 and the IANA registry), then the basic
    # one (RFC 5321 §4.2.3), then its class: the first that is found decides.
    "454 4.7.0": _LATER,  # RFC 4954 §6: a temporary authentication failure
    "4.2.2": _LATER,  # mailbox full
    "4.5.3": _LATER,  # too many recipients: the rest goes in another mail
    "4.7.0": _SLOWER,
    "4.7.1": _GREYLISTED,
    "4.7.28": _SLOWER,
    "5.1.1": _GONE,
    "5.1.2": _BAD_ADDRESS,
    "5.1.3": _BAD_ADDRESS,
    "5.1.6": _GONE,  # moved
    "5.1.7": _BAD_SENDER,
    "5.1.8": _BAD_SENDER,
    "5.1.10": _GONE,  # RFC 7505: its domain takes no mail
    "5.2.1": _GONE,  # disabled
    "5.2.2": _REFUSED,  # mailbox full
    "5.2.3": _BAD_CONTENT,  # too long for this mailbox
    "5.3.4": _BAD_CONTENT,  # too long for this server
    "5.6.0": _BAD_CONTENT,
    "5.7.1": _REFUSED,
    "5.7.8": _SET_UP,
    "5.7.9": _SET_UP,
    "5.7.20": _SET_UP,  # RFC 7372: DKIM, SPF and reverse DNS, up to 5.7.26
    "5.7.21": _SET_UP,
    "5.7.22": _SET_UP,
    "5.7.23": _SET_UP,
    "5.7.25": _SET_UP,
    "5.7.26": _SET_UP,
    "5.7.27": _BAD_SENDER,  # RFC 7505: the sender's domain takes no mail
    "5.7.515": _SET_UP,  # Microsoft: DMARC
    "523": _BAD_CONTENT,
    "530": _SET_UP,
    "534": _SET_UP,
    "535": _SET_UP,
    "538": _SET_UP,
    "553": _BAD_ADDRESS,
    "556": _GONE,  # RFC 7504
    "4": _LATER,
    "5": _REFUSED,
}

# Servers put the two refusals that need patience into words more often than into codes.
_HINTS: Final = (
    (re.compile(r"gr[ea]y.?list", re.IGNORECASE), _GREYLISTED),
    (
        re.compile(r"\brate\b|throttl|too fast|too many (?:connections|messages)", re.IGNORECASE),
        _SLOWER,
    ),
)


def outcome_of_reply(reply: Reply, stage: Stage, *, name: str, alone: bool = True) -> SingleOutcome:
    """Return what a refusal comes to.

    Args:
        reply: 4xx or 5xx; anything else counts as a passing disturbance.
        stage: What was refused.
        name: Of the transport, for `Failure.source`.
        alone: Whether the message has one recipient only, whom every reply then means.
    """
    meaning = _meaning(reply, stage, alone=alone)
    failure = Failure(
        code=meaning.code,
        # Servers quote logins, in forms that no search would find.
        description=_LOGIN_REFUSED if stage is Stage.LOGIN else reply.shown,
        source=FailureSource(code=reply.codes, name=name),
        retry=meaning.retry,
    )
    return outcome_of(failure, meaning.wait)


def failure_of_report(
    code: str, diagnostic: str, *, name: str, confidential: Confidential
) -> Failure:
    """Return why a mail failed that a server had taken first (RFC 3464 §2.3.4, §2.3.6).

    Args:
        code: The enhanced status code; empty where there is none.
        diagnostic: What the last server replied, with its type: `smtp; 550 5.1.1 …`.
        name: Of the parser, for `Failure.source`.
        confidential: What the description must not repeat.
    """
    kind, _, text = diagnostic[:_READ].partition(";")
    basic, quoted, said = _said(text) if kind.strip().lower() == "smtp" else ("", "", text or kind)
    # Some servers report 5.0.0 whatever happened, and quote the reply that says more.
    is_vague = not code or code.endswith(".0.0")
    status = quoted if is_vague and quoted else code
    digit = (status or basic or "5")[0]
    reply = Reply(int(basic or f"{digit}00"), f"{status} {said}".strip(), confidential)
    meaning = _meaning(reply, Stage.RECIPIENT, alone=True)
    return Failure(
        code=meaning.code,
        description=reply.shown or "the report gives no reason",
        source=FailureSource(code=f"{basic} {status}".strip(), name=name),
        retry=meaning.retry,
    )


def _said(text: str) -> tuple[str, str, str]:
    """Return the basic and the enhanced code of a quoted reply, and its text without them."""
    match = _QUOTED.match(text)
    if match is None:
        return "", "", text.strip()
    basic, enhanced, words = match[1], match[2] or "", match[3]
    if enhanced:  # which each further line repeats
        words = re.sub(rf"(?<!\S){basic}[- ]{re.escape(enhanced)}(?!\S)\s*", "", words)
    return basic, enhanced, words.strip()


def _meaning(reply: Reply, stage: Stage, *, alone: bool) -> Meaning:
    if reply.code // 100 != 5:  # noqa: PLR2004 - RFC 5321 §4.2.1
        return _patience(reply)
    if stage in (Stage.SET_UP, Stage.LOGIN):
        return _SET_UP
    meaning = _listed(reply)
    accuses_receiver = meaning in (_GONE, _BAD_ADDRESS)
    if stage is Stage.SENDER and accuses_receiver:
        return _BAD_SENDER
    if stage is Stage.MESSAGE and accuses_receiver and not alone:
        return _REFUSED
    return meaning


def _patience(reply: Reply) -> Meaning:
    listed = _listed(reply)
    if listed.retry is not Retry.TRANSIENT or listed.wait:
        return listed
    hints = (meaning for pattern, meaning in _HINTS if pattern.search(reply.text[:_READ]))
    return next(hints, listed)


def _listed(reply: Reply) -> Meaning:
    code, enhanced = str(reply.code), reply.enhanced
    keys = (f"{code} {enhanced}", enhanced, code, code[0])
    return next((MEANINGS[key] for key in keys if key in MEANINGS), _LATER)


def _without_address(word: str) -> str:
    return "[address]" if "@" in word or "%40" in word else word
