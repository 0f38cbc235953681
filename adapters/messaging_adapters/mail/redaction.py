"""Which words of a server's reply may be shown: none out of a mail or a login.

Servers quote what they refuse: a subject, a line of the text, a login. What they write reaches
reasons, the timeline and logs, where no content and no credentials belong.
"""

import re
from collections.abc import Sequence
from typing import Final

from attrs import field

from messaging_core.lazy import frozen

_HIDDEN: Final = "[hidden]"
_SHORTEST: Final = 3  # letters or digits; shorter runs give nothing away
_WORDS: Final = re.compile(r"[^\W\d_]{3,}|\d{3,}")
_LETTERS, _DIGITS, _ENCODED = 6, 4, 16  # how many in a row are an echo, within a longer run
_RUNS: Final = re.compile(r"[A-Za-z0-9+/=]{16,}")  # base64, as content goes over the wire

# Words that say why a mail was refused, whatever the mail says itself.
_ORDINARY: Final = frozenset(
    {
        *("accept", "accepted", "access", "account", "address", "again", "authentication"),
        *("available", "bad", "blocked", "busy", "client", "closed", "com", "command"),
        *("connection", "content", "could", "daily", "delivery", "denied", "disabled"),
        *("does", "domain", "email", "error", "exceeded", "exist", "failed", "for", "from"),
        *("full", "gone", "greylisted", "host", "http", "https", "invalid", "later", "limit"),
        *("local", "mail", "mailbox", "mailboxes", "many", "message", "messages", "network"),
        *("not", "number", "org", "over", "permission", "please", "policy", "queue"),
        *("queued", "quota", "rate", "receiver", "recipient", "recipients", "refused"),
        *("rejected", "relay", "reputation", "require", "required", "sender", "sending"),
        *("server", "service", "size", "slow", "spam", "system", "temporarily", "temporary"),
        *("the", "this", "too", "try", "unauthenticated", "unavailable", "unknown", "user"),
        *("virus", "with", "you", "your"),
    }
)


@frozen(kw_only=True)
class Confidential:
    """What a reply must not repeat.

    Attributes:
        credentials: User name and password, in every form in which they were sent.
        texts: What the mail says: subject, texts, headers, names.
        content: The mail as it goes over the wire.
    """

    credentials: Sequence[str] = field(default=(), repr=False)
    texts: Sequence[str] = field(default=(), repr=False)
    content: bytes = field(default=b"", repr=False)

    def mask(self, text: str) -> str:
        """Return a text without the words that it shares with what is confidential."""
        for secret in self.credentials:
            if len(secret) >= _SHORTEST:
                text = re.sub(re.escape(secret), _HIDDEN, text, flags=re.IGNORECASE)
        if _RUNS.search(text):  # seldom; the content may have megabytes
            sent = self.content.decode("ascii", "replace")
            text = _RUNS.sub(lambda run: _masked(run[0], sent, _ENCODED), text)
        said = "\n".join([*self.texts, *self.credentials]).casefold()
        return _WORDS.sub(lambda word: _masked_word(word[0], said), text)


def _masked_word(word: str, said: str) -> str:
    key = word.casefold()
    if key in _ORDINARY or word == _HIDDEN[1:-1]:
        return word
    window = _DIGITS if key.isdecimal() else _LETTERS
    return _HIDDEN if _masked(key, said, window) == _HIDDEN else word


def _masked(run: str, source: str, window: int) -> str:
    last = max(len(run) - window, 0)
    echoed = any(run[start : start + window] in source for start in range(last + 1))
    return _HIDDEN if echoed else run
