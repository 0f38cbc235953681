"""`messaging keys`: make, list and revoke access keys."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from uuid import UUID

import pytest

from messaging_adapters.asgi.access import hash_of_key
from messaging_adapters.asgi.stored_keys import CACHED_FOR
from tests import plain_http
from tests.adapters.cli.conftest import Ran

OTHER = str(UUID(int=7))


def test_keys_are_made_listed_and_revoked(run: Callable[..., Ran], shop: Path) -> None:
    made = run("keys", "create", "dashboard", "--allow", "view /**", "--allow", "create /**")
    foreign = json.loads(run("keys", "create", "crm", "--workspace", OTHER, "--json").out)

    assert "not shown again" in made.err
    (key_id,), (token,) = (re.findall(f"{label}: (.*)", made.out) for label in ("id", "key"))
    table = run("keys", "list").out
    assert all(word in table for word in (key_id, "dashboard", foreign["id"], "crm", "never"))
    (mine,) = map(
        json.loads, run("keys", "list", "--json", "--workspace", "0" * 32).out.split("\n")[:-1]
    )
    assert mine == {
        "id": key_id,
        "workspaceId": str(UUID(int=0)),
        "name": "dashboard",
        "policies": ["view /**", "create /**"],
        "createdAt": "2026-03-02T09:00:00.000Z",
    }
    assert (foreign["workspaceId"], foreign["policies"]) == (OTHER, ["* /**"])
    for secret in (token, foreign["token"]):
        assert secret not in table
        assert secret.encode() not in (shop / "shop.db").read_bytes()

    assert run("keys", "revoke", key_id).out == f"{key_id} is revoked\n"
    again = run("keys", "revoke", key_id, "--json")
    assert (again.status, json.loads(again.out)) == (1, {"id": key_id, "revoked": False})
    assert run("keys", "revoke", key_id).status == 1
    assert json.loads(run("keys", "list", "--json").out)["id"] == foreign["id"]
    assert run("keys", "revoke", foreign["id"]).status == 0
    assert "no access keys are stored" in run("keys", "list").err


def test_the_hash_of_a_key_goes_into_the_configuration(run: Callable[..., Ran]) -> None:
    printed = json.loads(run("keys", "hash", "shop", "--json").out)

    assert printed["name"] == "shop"
    assert printed["sha256"] == hash_of_key(printed["token"])


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("create", "x", "--allow", "read /**"), '--allow: "read /\\*\\*" is not an action and'),
        (("create", "x", "--workspace", "shop"), '--workspace: "shop" is not a UUID'),
        (("create", ""), "name must be 1 to 200 printable characters"),
        (("list", "--workspace", "shop"), '--workspace: "shop" is not a UUID'),
        (("revoke", "shop"), "an access key has a UUID"),
        (("list",), "there is no database"),
    ],
)
def test_what_is_wrong_is_named(
    run: Callable[..., Ran], arguments: tuple[str, ...], fault: str
) -> None:
    ran = run("keys", *arguments)

    assert ran.status == 2
    assert re.search(fault, ran.err), ran.err


def test_a_server_that_runs_knows_new_and_revoked_keys(run: Callable[..., Ran]) -> None:
    first, second = (
        json.loads(run("keys", "create", name, "--json").out) for name in ("first", "second")
    )
    run("keys", "revoke", second["id"])
    command = [sys.executable, "-m", "messaging_adapters.cli", "serve", "--port", "0"]
    command += ["--no-worker"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own
        assert server.stderr is not None
        url = re.findall("http://[^;]*", server.stderr.readline())[0]

        def status(token: str) -> int:
            path = f"{url}/workspaces/{UUID(int=0)}/channels"
            return plain_http.get(path, headers={"Authorization": f"Bearer {token}"}).status_code

        third = json.loads(run("keys", "create", "third", "--json").out)
        before = [status(key["token"]) for key in (first, second, third)]
        run("keys", "revoke", third["id"])
        until = monotonic() + CACHED_FOR.total_seconds()
        while status(third["token"]) == 200 and monotonic() < until:
            sleep(0.05)
        after = [status(key["token"]) for key in (first, second, third)]
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    assert before == [200, 401, 200]
    assert after == [200, 401, 401]
