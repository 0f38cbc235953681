"""Our message id comes back from a callback URL, or not at all."""

import base64
import hmac
from urllib.parse import quote
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.providers.message_token import read_message_id, sign_message_id

MESSAGE = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
TOKEN = sign_message_id(MESSAGE, "secret")


@given(st.uuids(), st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()))
def test_an_id_comes_back(message_id: UUID, secret: str) -> None:
    token = sign_message_id(message_id, secret)

    assert read_message_id(token, [secret]) == message_id
    assert quote(token, safe="") == token


def test_the_secret_before_the_rotation_still_counts() -> None:
    assert read_message_id(TOKEN, ["new", "secret"]) == MESSAGE
    assert read_message_id(TOKEN, ["new", "newer"]) is None
    assert read_message_id(TOKEN, []) is None


def test_no_other_token_is_read() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = [
        TOKEN[:place] + letter + TOKEN[place + 1 :]
        for place in range(len(TOKEN))
        for letter in alphabet
        if letter != TOKEN[place]
    ]

    assert {read_message_id(token, ["secret"]) for token in changed} == {None}


@given(st.text(max_size=60))
def test_rubbish_is_no_token(token: str) -> None:
    assert read_message_id(token, ["secret"]) is None


def test_it_stays_what_it_was_for_callbacks_that_are_on_their_way() -> None:
    signed = b"messaging-engine/message-token/1\0" + MESSAGE.bytes
    tag = hmac.new(b"secret", signed, "sha256").digest()[:16]

    assert base64.urlsafe_b64encode(MESSAGE.bytes + tag).decode() == f"{TOKEN}="
