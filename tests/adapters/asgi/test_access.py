"""Who may call what: every route, by callers with and without the right access."""

import re
from collections.abc import Mapping
from uuid import uuid4

import httpx
import pytest

from messaging_adapters.asgi.access import Access, AccessKeyTable, Action, Policy, hash_of_key
from messaging_adapters.asgi.route_table import ROUTES, Route
from messaging_core.errors import ArgumentError, ConfigurationError
from tests import plain_http
from tests.adapters.asgi.conftest import FOREIGN, KEYS, ORDERS, Service

PROTECTED = [route for route in ROUTES if route.action is not None and route.path != "/saga/send"]


def call(service: Service, route: Route, token: str | None, workspace: object) -> httpx.Response:
    parts = {"workspaceId": str(workspace), "channelId": str(ORDERS.id)}
    path = re.sub(r"\{(\w+)\}", lambda name: parts.get(name[1], str(uuid4())), route.path)
    with service.client(token) as client:
        return client.request(route.method, path)


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_asks_for_the_right_access(service: Service, route: Route) -> None:
    for tokens in ({name: name for name in KEYS}, service.stored):
        check_access(service, route, tokens)


def check_access(service: Service, route: Route, tokens: Mapping[str, str]) -> None:
    own = ORDERS.workspace
    everything = tokens["everything"]
    for token in (None, "unknown", everything[:-1], f"{everything[:-1]}~"):
        refused = call(service, route, token, own)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("AccessKey")
    assert call(service, route, tokens["nothing"], own).status_code == 403
    assert (call(service, route, tokens["viewer"], own).status_code == 403) is (
        route.action is not Action.VIEW
    )
    assert call(service, route, everything, own).status_code not in {401, 403, 405, 500}
    if "{workspaceId}" not in route.path:
        return
    # The workspace of another tenant looks like one that does not exist.
    foreign, unknown, theirs = (
        call(service, route, token, workspace)
        for token, workspace in (
            (everything, FOREIGN.workspace),
            (everything, uuid4()),
            (tokens["foreign"], own),
        )
    )
    assert foreign.status_code == unknown.status_code == theirs.status_code == 404
    assert foreign.content == unknown.content == theirs.content


@pytest.mark.parametrize("scheme", ["AccessKey", "accesskey", "Bearer", "BEARER"])
def test_both_schemes_are_understood(service: Service, scheme: str) -> None:
    path = f"/workspaces/{ORDERS.workspace}/channels"
    answer = plain_http.get(service.url + path, headers={"Authorization": f"{scheme} everything"})
    assert answer.status_code == 200


@pytest.mark.parametrize("header", ["", "everything", "Basic everything", "AccessKey", "Bearer"])
def test_other_authorisations_are_none(service: Service, header: str) -> None:
    path = f"/workspaces/{ORDERS.workspace}/channels"
    answer = plain_http.get(service.url + path, headers={"Authorization": header})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("resource", "path", "is_allowed"),
    [
        ("/workspaces/*/channels/*/messages", "/workspaces/w/channels/c/messages", True),
        ("/workspaces/*/channels/*/messages", "/workspaces/w/channels/c/messages/m", False),
        ("/workspaces/*/channels/*/messages", "/workspaces/w/x/channels/c/messages", False),
        ("/workspaces/*/channels/c/**", "/workspaces/w/channels/c/messages/m", True),
        ("/workspaces/*/channels/c/**", "/workspaces/w/channels/d/messages/m", False),
        ("/a.c", "/abc", False),
        ("/**", "/", True),
    ],
)
def test_wildcards_stand_for_segments(resource: str, path: str, *, is_allowed: bool) -> None:
    assert Policy("view", resource).allows(Action.VIEW, path) is is_allowed
    assert Policy("*", resource).allows(Action.DELETE, path) is is_allowed
    assert not Policy("create", resource).allows(Action.VIEW, path)


def test_a_table_of_keys_takes_hashes_only() -> None:
    with pytest.raises(ConfigurationError, match="must not be empty"):
        AccessKeyTable({})
    with pytest.raises(ConfigurationError, match="hash_of_key") as refused:
        AccessKeyTable({"a secret token": Access(name="shop")})
    assert "a secret token" not in str(refused.value)
    for action, resource in (("read", "/**"), ("view", "workspaces"), ("view", "/**/x"), ("*", "")):
        with pytest.raises(ArgumentError):
            Policy(action, resource)
    access = Access(name="shop")
    table = AccessKeyTable({hash_of_key("token"): access})
    assert table.find("token") is access
    assert table.find("Token") is None
