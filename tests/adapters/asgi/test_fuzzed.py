"""Requests that a fuzzer makes from the description: no fault, no answer that is not described."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from tests.adapters.asgi.conftest import ORDERS, Service, path_of, sms

EXAMPLES = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 4
# Rules between several fields are in no schema: what it allows may be refused with 422.
WITHOUT = "positive_data_acceptance"


def test_a_fuzzer_finds_nothing(service: Service, client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(description(client)), encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json"]
    command += ["--url", service.url, "--header", "Authorization: AccessKey everything"]
    command += ["--phases", "fuzzing,stateful", "--exclude-checks", WITHOUT]
    command += ["--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout


def description(client: httpx.Client) -> dict[str, object]:
    """Return the description, with ids in its paths that exist."""
    messages, batches = path_of(ORDERS, "/messages"), path_of(ORDERS, "/batch/messages")
    ids = [client.post(messages, json=sms()).json()["id"] for _ in range(20)]
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
    }
    document: dict[str, object] = client.get("/openapi.json").json()
    for path in document["paths"].values():  # type: ignore[attr-defined]
        for operation in path.values():
            for parameter in operation["parameters"]:
                if parameter["name"] in values and parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "enum": values[parameter["name"]]}
    return document
