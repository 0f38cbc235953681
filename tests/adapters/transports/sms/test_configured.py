"""The providers of SMS as one line of a configuration."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.config import load_config
from messaging_core.errors import ConfigurationError

ACCOUNT, SECRET = "AC" + "1" * 32, "s3cret"


def made(dsn: str, platform: str = "sms") -> Any:
    sender = "+31600000001" if platform == "sms" else "shop@shop.example"
    channel = {"platform": platform, "sender": sender, "transport": dsn}
    transport = load_config({"channels": {"a": channel}}).transport("a", {"SECRET": SECRET})
    transport.close()  # type: ignore[attr-defined]
    return transport


def test_twilio_is_an_account_and_its_token() -> None:
    hook = "https%3A%2F%2Fshop.example%2Fhooks"

    transport = made(f"twilio://{ACCOUNT}:${{SECRET}}@?status_callback={hook}&timeout=5")

    assert (transport.account_sid, transport.auth_token) == (ACCOUNT, SECRET)
    assert transport.status_callback == "https://shop.example/hooks"
    assert transport.timeout == timedelta(seconds=5)


def test_vonage_is_a_key_and_its_secret() -> None:
    transport = made("vonage://abcd1234:${SECRET}@")

    assert (transport.api_key, transport.api_secret) == ("abcd1234", SECRET)


@pytest.mark.parametrize("platform", ["sms", "email"])
def test_bird_is_a_key_and_a_channel(platform: str) -> None:
    ids = f"workspace_id={UUID(int=1)}&channel_id={UUID(int=2)}"

    transport = made(f"bird://:${{SECRET}}@?{ids}", platform)

    assert transport.access_key == SECRET
    assert transport.channel_id == UUID(int=2)


@pytest.mark.parametrize(
    "dsn", [f"twilio://AC1:{SECRET}@", f"vonage://:{SECRET}@", f"bird://:{SECRET}@?channel_id=1"]
)
def test_a_mistake_shows_no_secret(dsn: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        made(dsn)
    assert SECRET not in str(caught.value)
