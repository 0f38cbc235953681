"""Texts as octets of the GSM 7-bit default alphabet, one septet an octet."""

from typing import Final

from messaging_core.rules.formats.sms import GSM_ALPHABET, GSM_EXTENSION

_ESCAPE: Final = 0x1B
# 3GPP TS 23.038 §6.2.1.1: the codes that follow the escape.
_EXTENSION_CODES: Final = dict(
    zip(GSM_EXTENSION, bytes.fromhex("0a14 2829 2f3c3d3e 4065"), strict=True)
)
_CODES: Final = {
    character: bytes([code if code < _ESCAPE else code + 1])
    for code, character in enumerate(GSM_ALPHABET)
} | {character: bytes([_ESCAPE, code]) for character, code in _EXTENSION_CODES.items()}
_CHARACTERS: Final = {code[0]: character for character, code in _CODES.items() if len(code) == 1}
_EXTENDED: Final = {code: character for character, code in _EXTENSION_CODES.items()}


def encode_gsm(text: str) -> bytes:
    """Return a text as octets.

    Raises:
        KeyError: A character is not in the alphabet; `is_gsm` tells that before.
    """
    return b"".join([_CODES[character] for character in text])


def decode_gsm(octets: bytes) -> str:
    """Return octets as text.

    An escape whose code means nothing is left out, as a phone does (3GPP TS 23.038 §6.2.1.1). An
    octet that is no septet becomes U+FFFD.
    """
    text, escaped = [], False
    for octet in octets:
        if escaped:
            text.append(_EXTENDED.get(octet) or _CHARACTERS.get(octet, " "))
            escaped = False
        elif octet == _ESCAPE:
            escaped = True
        else:
            text.append(_CHARACTERS.get(octet, "\ufffd"))
    return "".join(text)
