"""Subscriptions as addresses: what a browser gives, in one spelling."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.push.subscription import read_subscription, subscription_address
from messaging_core.errors import ArgumentError
from messaging_core.rules import check_push_token
from push_service import Browser

BROWSER = Browser("https://push.example/send/abc")


def changed(**changes: Any) -> str:
    return json.dumps({**BROWSER.subscription, **changes})


def with_keys(**changes: Any) -> str:
    keys: Any = BROWSER.subscription["keys"]
    return changed(keys={**keys, **changes})


def test_one_subscription_has_one_address() -> None:
    keys: Any = BROWSER.subscription["keys"]
    padded = {"auth": keys["auth"] + "==", "p256dh": keys["p256dh"] + "="}
    spellings: list[Any] = [
        BROWSER.subscription,
        BROWSER.address,
        {"keys": padded, "endpoint": "https://push.example/send/abc", "expirationTime": 7},
    ]

    addresses = {subscription_address(spelling) for spelling in spellings}

    (address,) = addresses
    assert check_push_token(address, "") is None
    assert json.loads(address) == {
        "endpoint": "https://push.example/send/abc",
        "keys": {"p256dh": keys["p256dh"], "auth": keys["auth"]},
    }
    assert read_subscription(address) == read_subscription(BROWSER.address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "token",
        "[]",
        "[" * 100_000,
        "{}",
        changed(keys=None),
        changed(endpoint=None),
        changed(endpoint="push.example"),
        changed(endpoint="ftp://push.example"),
        changed(endpoint="https://user@push.example"),
        changed(endpoint="https://push.example/a b"),
        changed(endpoint="https://push.example/\r\nx: y"),
        changed(endpoint="https://push.example/é"),
        changed(endpoint="https:///a"),
        changed(endpoint="https://push.example:x"),
        changed(endpoint="https://[::1"),
        changed(endpoint="https://push.example/" + "a" * 2048),
        with_keys(p256dh="AAAA"),
        with_keys(p256dh=7),
        with_keys(auth="!" * 22),
        with_keys(auth="é" * 22),
        with_keys(auth=""),
    ],
    ids=range(22),
)
def test_what_is_no_subscription_is_refused(text: str) -> None:
    assert read_subscription(text) is None
    with pytest.raises(ArgumentError) as caught:
        subscription_address(text)
    assert "push.example" not in str(caught.value)


@given(text=st.text())
def test_any_text_is_read(text: str) -> None:
    assert read_subscription(text) is None


def test_nothing_of_it_is_shown() -> None:
    assert repr(read_subscription(BROWSER.address)) == "Subscription()"
