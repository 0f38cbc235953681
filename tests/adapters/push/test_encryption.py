"""Encryption for browsers: the example of RFC 8291, and two other libraries."""

import base64
import json
import os

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from hypothesis import given
from hypothesis import strategies as st
from pywebpush import WebPusher

from messaging_adapters.push.encryption import LARGEST, RECORD, encrypt, new_key
from messaging_adapters.push.subscription import Subscription, read_subscription
from push_service import Browser


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_example_of_the_rfc() -> None:
    """RFC 8291 §5 and appendix A."""
    key = derive_private_key(
        int.from_bytes(decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big"), SECP256R1()
    )
    browser = Subscription(
        endpoint="https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
        public_key=decoded(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ),
        secret=decoded("BTBZMqHH6r4Tts7J_aSIgg"),
    )

    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        browser,
        key=key,
        salt=decoded("DGv6ra1nlYgDCS1FRnbzlw"),
    )

    assert body == decoded(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tl"
        "zAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@given(plaintext=st.binary(max_size=300))
def test_another_library_decrypts(plaintext: bytes) -> None:
    browser = Browser("https://push.example")
    to = read_subscription(browser.address)
    assert to is not None

    body = encrypt(plaintext, to, key=new_key(), salt=os.urandom(16))

    read = http_ece.decrypt(body, private_key=browser._key, auth_secret=browser._secret)
    assert read == plaintext


def test_it_is_what_pywebpush_makes_of_it() -> None:
    browser = Browser("https://push.example")
    to = read_subscription(browser.address)
    assert to is not None
    plaintext = b'{"notification": {"title": "Hi"}}'

    theirs = WebPusher(browser.subscription).encode(plaintext, content_encoding="aes128gcm")
    ours = encrypt(plaintext, to, key=new_key(), salt=os.urandom(16))

    assert theirs is not None
    assert len(theirs["body"]) == len(ours)
    # The header: a salt, the size of a record, the length of the key, and an uncompressed point.
    assert theirs["body"][16:22] == ours[16:22]
    decrypted = [
        http_ece.decrypt(body, private_key=browser._key, auth_secret=browser._secret)
        for body in (theirs["body"], ours)
    ]
    assert decrypted == [plaintext, plaintext]


def test_the_largest_message_fills_one_record() -> None:
    to = read_subscription(Browser("https://push.example").address)
    assert to is not None

    body = encrypt(b"x" * LARGEST, to, key=new_key(), salt=bytes(16))

    assert (LARGEST, len(body)) == (3993, RECORD)


def test_a_key_that_is_not_on_the_curve_is_refused() -> None:
    browser = Browser("https://push.example").subscription
    keys = {**browser["keys"], "p256dh": "B" + "A" * 86}  # type: ignore[dict-item]
    to = read_subscription(json.dumps({**browser, "keys": keys}))
    assert to is not None

    with pytest.raises(ValueError):  # noqa: PT011 - the text is that of a library
        encrypt(b"x", to, key=new_key(), salt=bytes(16))
