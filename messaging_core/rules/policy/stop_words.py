"""Words by which the receiver of an SMS opts out, opts in or asks for help."""

import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple

_LONGEST: Final = 80
_BLANK_LETTERS: Final = "\u115f\u1160"  # Hangul fillers: letters to Unicode, blanks to a reader
_DEFAULT_LANGUAGE: Final = "en"


class KeywordKind(StrEnum):
    """Say what a keyword asks for."""

    OPT_OUT = "optout"
    OPT_IN = "optin"
    HELP = "help"


class Keyword(NamedTuple):
    """What a text asks for, and in which language (ISO 639-1)."""

    kind: KeywordKind
    language: str = _DEFAULT_LANGUAGE

    @property
    def key(self) -> str:
        """Return the name of its confirmation, made of kind and language."""
        return f"{self.kind}:{self.language}"


WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "optout:en": (
            "stop",
            "stopall",
            "end",
            "quit",
            "cancel",
            "unsubscribe",
            "revoke",
            "optout",
        ),
        "optout:fr": ("arret",),
        "optout:de": ("halt",),
        "optout:es": ("detener",),
        "optout:pt": ("parar",),
        "optout:it": ("ferma",),
        "optout:ru": ("остановить",),
        "optout:pl": ("zatrzymaj",),
        "optin:en": ("start", "begin", "resume", "revert", "unstop"),
        "optin:fr": ("nonarret",),
        "help:en": ("help", "info"),
        "help:fr": ("aide",),
        "help:nl": ("hulp",),
        "help:de": ("hilfe",),
        "help:es": ("ayuda",),
        "help:pt": ("ajuda",),
        "help:it": ("aiuto",),
        "help:ru": ("помощь",),
        "help:pl": ("pomocy",),
    }
)
"""The keywords of the Bird Channels API, by kind and language.

`revoke` and `opt out` are those of 47 CFR 64.1200(a)(10).
"""

CONFIRMATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "optout:en": "You will get no more messages from this number. Reply START to undo this.",
        "optout:fr": "Vous ne recevrez plus de messages de ce numéro. START pour les reprendre.",
        "optout:de": "Sie erhalten keine Nachrichten mehr von dieser Nummer. Zurück mit START.",
        "optout:nl": "U krijgt geen berichten meer van dit nummer. Stuur START om ze te hervatten.",
        "optout:es": "No recibirá más mensajes. START para volver.",
        "optout:pt": "Não receberá mais mensagens. START para voltar.",
        "optout:it": "Non riceverai altri messaggi da questo numero. START per riprendere.",
        "optout:ru": "Сообщений больше не будет. Чтобы вернуть их: START.",
        "optout:pl": "Nie dostaniesz więcej wiadomości. Odpisz START, by wrócić.",
        "optin:en": "You will get messages from this number again. Reply STOP to end them.",
        "optin:fr": "Vous recevrez à nouveau les messages de ce numéro. STOP pour les refuser.",
        "optin:de": "Sie erhalten wieder Nachrichten von dieser Nummer. Abmelden mit STOP.",
        "optin:nl": "U krijgt weer berichten van dit nummer. Stuur STOP om te stoppen.",
        "optin:es": "Volverá a recibir mensajes. STOP para cancelar.",
        "optin:pt": "Voltará a receber mensagens. STOP para cancelar.",
        "optin:it": "Riceverai di nuovo messaggi da questo numero. STOP per non averne altri.",
        "optin:ru": "Вы снова получаете сообщения. Отказаться: STOP.",
        "optin:pl": "Znów dostajesz wiadomości. Odpisz STOP, by zrezygnować.",
        "help:en": "Reply STOP to get no more messages from this number, START to get them again.",
        "help:fr": "STOP pour ne plus recevoir de messages de ce numéro, START pour les reprendre.",
        "help:de": "STOP beendet die Nachrichten von dieser Nummer, START bestellt sie wieder.",
        "help:nl": "STOP beëindigt de berichten van dit nummer, START hervat ze.",
        "help:es": "STOP para no recibir mensajes, START para volver.",
        "help:pt": "STOP para deixar de receber, START para voltar.",
        "help:it": "STOP per non ricevere altri messaggi, START per riprendere.",
        "help:ru": "STOP: отказаться от сообщений. START: вернуть их.",
        "help:pl": "STOP kończy wiadomości, START je przywraca.",
    }
)
"""What is answered where the host has no text of its own, by kind and language."""


def keyword_of(text: str, extra: Mapping[str, Keyword] = MappingProxyType({})) -> Keyword | None:
    """Return what a received text asks for, if it is a keyword and nothing else.

    Case, accents, full-width letters, and whatever is no letter or digit around the word and
    within it do not matter, however much there is of it: `Stop!`, `"STOP ALL"`, `opt-out` and
    `Arrêt.` are keywords. A keyword among other
    words is none: who writes "stop please" may as well write "stop by at five", and a person
    decides; hosts that want more give it as `extra`.

    Args:
        text: As it was received.
        extra: The host's own words; those of the table keep their meaning.
    """
    word = _plain(text)
    if len(word) > _LONGEST:
        return None
    return _TABLE.get(word) or {_plain(own): keyword for own, keyword in extra.items()}.get(word)


def confirmation_of(keyword: Keyword, own: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return what to answer: the host's text for kind and language, else ours, else in English.

    Args:
        keyword: What was received.
        own: Texts by `kind:language`, such as `optout:en`.
    """
    english = keyword._replace(language=_DEFAULT_LANGUAGE).key
    for key, texts in ((keyword.key, own), (keyword.key, CONFIRMATIONS), (english, own)):
        if key in texts:
            return texts[key]
    return CONFIRMATIONS[english]


def _plain(text: str) -> str:
    """Keep only what a keyword is told by: its letters and digits, without case and accents.

    Of a text with too many of them for a keyword, no more is looked at than shows that.
    """
    folded = (
        letter
        for character in text
        for letter in unicodedata.normalize("NFKD", character.casefold())
        if letter.isalnum() and letter not in _BLANK_LETTERS
    )
    return "".join(islice(folded, _LONGEST + 1))


_TABLE: Final[Mapping[str, Keyword]] = MappingProxyType(
    {
        _plain(word): Keyword(KeywordKind(kind), language)
        for key, words in WORDS.items()
        for kind, _, language in (key.partition(":"),)
        for word in words
    }
)
