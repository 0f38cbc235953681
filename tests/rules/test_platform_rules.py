"""A platform of the host's own, with rules that the host gives."""

from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from messaging_core.errors import ArgumentError, ConfigurationError, InvalidMessageError
from messaging_core.models import (
    Channel,
    ContactIdentifier,
    NewContact,
    PlatformRules,
)
from messaging_core.testing import RecordingTransport

RULES = PlatformRules(
    body_types=("text", "image", "section"),
    max_text=4096,
    max_media=2,
    address="@[a-z0-9_]{5,32}",
    address_format="@ and 5 to 32 letters, digits or _",
)
CHANNEL = Channel(name="chat", platform="pigeon-chat", rules=RULES)
IMAGE = {"mediaUrl": "https://shop.example/a.png"}


@pytest.fixture
def messenger() -> Messenger:
    return Messenger(storage=MemoryStorage(), channels={CHANNEL: RecordingTransport()})


def a_request(body: dict[str, Any], to: str = "@ada_l") -> dict[str, Any]:
    return {"receiver": {"contacts": [{"identifierValue": to}]}, "body": body}


def text(length: int) -> dict[str, Any]:
    return {"type": "text", "text": {"text": "x" * length}}


def codes(messenger: Messenger, request: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what `send` refuses; `plan` refuses the same."""
    plan = messenger.plan("chat", request)
    try:
        messenger.send("chat", request)
    except InvalidMessageError as error:
        assert plan.violations == error.violations  # noqa: PT017 - it may also be sent
        return [(violation.path, violation.code) for violation in error.violations]
    assert not plan.violations
    return []


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (text(4096), []),
        (text(4097), [("/body/text/text", "body.text_too_long")]),
        (text(70_000), [("/body/text/text", "body.text_too_long")]),
        (
            {"type": "html", "html": {"html": "<p>hi</p>"}},
            [("/body/type", "body.unsupported_on_platform")],
        ),
        ({"type": "image", "image": {"images": [IMAGE, IMAGE]}}, []),
        (
            {"type": "image", "image": {"images": [IMAGE] * 3, "text": "x" * 5000}},
            [("/body/image/text", "body.text_too_long"), ("/body/image/images", "media.too_many")],
        ),
        (
            {"type": "section", "section": {"items": [text(4096), text(5000)]}},
            [("/body/section/items/1/text/text", "body.text_too_long")],
        ),
    ],
)
def test_what_the_platform_does_not_carry_is_refused(
    messenger: Messenger, body: dict[str, Any], refused: list[tuple[str, str]]
) -> None:
    assert codes(messenger, a_request(body)) == refused


@pytest.mark.parametrize("address", ["@ada_lovelace", "@12345"])
def test_an_address_of_the_platform_is_taken(messenger: Messenger, address: str) -> None:
    assert codes(messenger, a_request(text(1), address)) == []


@pytest.mark.parametrize(
    "address", ["ada_l", "@ada", "@ada_l ", "@Ada_L", "@ada_l\n", "+31612345678"]
)
def test_an_address_of_another_form_is_refused(messenger: Messenger, address: str) -> None:
    (path, code), *_ = codes(messenger, a_request(text(1), address))

    assert path == "/receiver/contacts/0/identifierValue"
    assert code == "receiver.invalid_address" or address != address.strip()


def test_the_violation_says_what_an_address_is(messenger: Messenger) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        messenger.send("chat", a_request(text(1), "ada_l"))

    assert caught.value.violations[0].code == "receiver.invalid_address"
    assert "@ and 5 to 32 letters, digits or _" in str(caught.value)
    assert "ada_l" not in str(caught.value).replace("@ and", "")


def test_a_stored_address_is_held_to_the_rules_too(messenger: Messenger) -> None:
    identifier = ContactIdentifier(key="pigeon-chat", value="not one of theirs")
    messenger.contacts.create(NewContact(id="ada", identifiers=(identifier,)))
    request = {"receiver": {"contacts": [{"id": "ada"}]}, "body": text(1)}

    with pytest.raises(InvalidMessageError) as caught:
        messenger.send("chat", request)

    assert caught.value.violations[0].code == "receiver.invalid_address"


def test_a_platform_without_rules_has_no_limits_of_ours() -> None:
    channel = Channel(name="chat", platform="pigeon-chat")
    messenger = Messenger(storage=MemoryStorage(), channels={channel: RecordingTransport()})

    assert messenger.send("chat", a_request(text(70_000), "anything")).id


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        (PlatformRules(body_types=("text", "hologram")), "/rules/bodyTypes"),
        (PlatformRules(max_text=0), "/rules/maxText"),
        (PlatformRules(max_media=-1), "/rules/maxMedia"),
    ],
)
def test_rules_that_cannot_be_are_refused_with_the_channel(rules: PlatformRules, path: str) -> None:
    channel = Channel(name="chat", platform="pigeon-chat", rules=rules)

    with pytest.raises(ConfigurationError, match=path):
        Messenger(storage=MemoryStorage(), channels={channel: RecordingTransport()})


def test_the_platforms_of_the_engine_have_rules_of_their_own() -> None:
    channel = Channel(name="chat", platform="sms", rules=RULES)

    with pytest.raises(ConfigurationError, match="the engine has rules for sms"):
        Messenger(storage=MemoryStorage(), channels={channel: RecordingTransport()})


@pytest.mark.parametrize(
    "arguments",
    [{"max_text": "4096"}, {"address": "["}, {"body_types": 3}, {"max_media": 1.5}],
)
def test_a_rule_of_the_wrong_kind_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        PlatformRules(**arguments)
