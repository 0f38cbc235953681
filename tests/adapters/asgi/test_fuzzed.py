"""Requests that a fuzzer makes from the description: no fault, no answer that is not described."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import httpx

from messaging_core.models.content.short_link import ShortLink
from messaging_core.rules.links.pixels import PIXEL_PATH
from tests.adapters.asgi.conftest import ORDERS, Service, path_of, sms

EXAMPLES = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 4
# Their answers are alike whether the ids exist or not.
ALIKE = {("get", "/unsubscribe/{channel}/{messageId}")}
# Rules between several fields are in no schema: what it allows may be refused with 422.
WITHOUT = "positive_data_acceptance"


def test_a_fuzzer_finds_nothing(service: Service, client: httpx.Client, tmp_path: Path) -> None:
    document = json.dumps(description(client, service))
    (tmp_path / "openapi.json").write_text(document, encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json"]
    command += ["--url", service.url, "--header", "Authorization: AccessKey everything"]
    command += ["--phases", "fuzzing,stateful", "--exclude-checks", WITHOUT]
    command += ["--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout


def description(client: httpx.Client, service: Service) -> dict[str, object]:
    """Return the description, with ids in its paths that exist."""
    messages, batches = path_of(ORDERS, "/messages"), path_of(ORDERS, "/batch/messages")
    tagged = {**sms(), "tags": ["spring"]}
    ids = [client.post(messages, json=tagged).json()["id"] for _ in range(20)]
    link = ShortLink(
        code="Ab3dE5gH7jK",
        url="https://shop.example",
        workspace=ORDERS.workspace,
        message_id=UUID(ids[0]),
        channel_id=ORDERS.id,
        domain="go.example",
        created_at=service.clock.now(),
    )
    with service.messenger.storage.begin() as tx:
        tx.short_links.add([link])
    service.messenger.rollup_counter.run()
    batch = client.post(batches, json={"messageRequests": [sms()]}).json()["batchId"]
    subscription = client.post(
        f"/organizations/{ORDERS.workspace}/workspaces/{ORDERS.workspace}/webhook-subscriptions",
        json={"service": "channels", "event": "sms.outbound", "url": "https://crm.example"},
    ).json()["id"]
    values = {
        "organizationId": [str(ORDERS.workspace)],
        "subscriptionId": [subscription],
        "workspaceId": [str(ORDERS.workspace)],
        "channelId": [str(ORDERS.id)],
        "messageId": ids,
        "batchId": [batch],
        "channel": [str(ORDERS.id)],
        "code": [link.code],
        "tag": ["spring"],
    }
    document: dict[str, object] = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():  # type: ignore[attr-defined]
        for method, operation in operations.items():
            if (method, path) in ALIKE or path.startswith(PIXEL_PATH):
                continue
            for parameter in operation["parameters"]:
                if parameter["name"] in values and parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "enum": values[parameter["name"]]}
    return document
