"""Clients that others have written work against the application."""

import importlib
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import bird_python.client
import pytest
from openapi_spec_validator import validate

from messaging_adapters.asgi.openapi import describe
from tests import plain_http
from tests.adapters.asgi.conftest import ORDERS, Service, path_of, sms

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # one of its models shadows a field
    import bird

WORKSPACE = str(ORDERS.workspace)


def test_the_client_of_bird_sends_lists_and_reads(service: Service) -> None:
    with bird.Bird(api_key="everything", base_url=service.url) as client:
        sent = client.post(path_of(ORDERS, "/messages"), body=sms())
        page = client.get(path_of(ORDERS, "/messages"))
        assert [message["id"] for message in page["results"]] == [sent["id"]]
        assert client.get(path_of(ORDERS, f"/messages/{sent['id']}"))["status"] == "accepted"
        with pytest.raises(bird.APIStatusError) as refused:
            client.post(path_of(ORDERS, "/messages"), body={})
    assert refused.value.status_code == 422


def test_the_client_of_bird_repeats_a_request_under_one_key(service: Service) -> None:
    path, key = path_of(ORDERS, "/messages"), "order-4711"
    with bird.Bird(api_key="everything", base_url=service.url) as client:
        ids = {client.post(path, body=sms(), idempotency_key=key)["id"] for _ in range(2)}
    assert len(ids) == 1


def test_a_client_with_access_keys_sends_and_lists(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bird_python.client, "ENDPOINT", service.url)
    client = bird_python.client.Client("everything", "organization", WORKSPACE)
    channels = client.channel_list()["results"]
    assert client.channel_list_by_id(channels[0]["id"])["name"] == "orders"
    sent = client.send_message(channels[0]["id"], sms())
    assert service.messenger.get(sent["id"]).status == "accepted"


def test_curl_sends(service: Service) -> None:
    command = ["curl", "--silent", "--fail", "--request", "POST"]
    command += [service.url + path_of(ORDERS, "/messages")]
    command += ["--header", "Content-Type: application/json"]
    command += ["--header", "Authorization: AccessKey everything", "--data", json.dumps(sms())]
    answer = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - our own
    assert json.loads(answer)["status"] == "accepted"


def test_the_description_is_valid_and_served(service: Service) -> None:
    document = plain_http.get(f"{service.url}/openapi.json").json()
    validate(document)
    everything = json.loads(json.dumps(describe()))
    assert document["paths"].keys() == everything["paths"].keys() - {"/saga/send"}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Generate a client from the description, and import it."""
    folder: Path = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_text(json.dumps(describe()), encoding="utf-8")
    (folder / "config.yml").write_text("post_hooks: []\n", encoding="utf-8")
    command = [sys.executable, "-m", "openapi_python_client", "generate"]
    command += ["--path", "openapi.json", "--config", "config.yml", "--meta", "none"]
    command += ["--output-path", "generated_client", "--fail-on-warning"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - the same
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module("generated_client")
    sys.path.remove(str(folder))


def test_a_client_generated_from_the_description_works(
    service: Service, generated: ModuleType
) -> None:
    models = importlib.import_module("generated_client.models")
    send = importlib.import_module("generated_client.api.default.send")
    listing = importlib.import_module("generated_client.api.default.list_by_channel")
    request = models.SendMessage.from_dict({**sms(), "tags": ["vip"]})
    place = {"workspace_id": WORKSPACE, "channel_id": str(ORDERS.id)}
    with generated.AuthenticatedClient(base_url=service.url, token="everything") as client:
        sent = send.sync(**place, client=client, body=request)
        page = listing.sync(**place, client=client, tag=["vip"], limit=5)
        wrong = models.SendMessage.from_dict(sms(to="+3"))
        refused = send.sync(**place, client=client, body=wrong)
    assert (sent.status, sent.tags) == ("accepted", ["vip"])
    assert [message.id for message in page.results] == [sent.id]
    assert refused.code == "InvalidPayload"
