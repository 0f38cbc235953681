"""How-to pages of providers end in a configuration that `messaging check` accepts."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from messaging_adapters.config import load_config
from messaging_core.models import CheckStatus
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.transport import check_transport, close_transports
from messaging_core.testing import HttpPeer

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"


def a_complaint(_: HttpRequest) -> HttpResponse:
    return HttpResponse(status=400, body=b'{"message": "to parameter is missing"}')


def an_account(_: HttpRequest) -> HttpResponse:
    return HttpResponse(status=200, body=b'{"SendingEnabled": true}')


ANSWERS: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "mailgun": a_complaint,
    "ses": an_account,
}


@pytest.mark.parametrize("provider", ANSWERS)
def test_the_last_configuration_of_a_page_is_accepted(provider: str) -> None:
    page = (PAGES / f"{provider}.md").read_text(encoding="utf-8")
    settings = tomllib.loads(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[-1])
    secrets = dict.fromkeys(re.findall(r'_env = "(\w+)"', page), "any")
    (name,) = settings["channels"]

    with HttpPeer(ANSWERS[provider]) as peer:
        settings["channels"][name]["transport"]["base_url"] = peer.url
        config = load_config(settings)
        transport = config.transport(name, secrets)
        ((_, result),) = check_transport(transport)
        close_transports([transport])

    assert result is not None
    assert result.status is CheckStatus.OK
    assert [parser.name for parser in config.make_webhooks(secrets)] == [provider]
