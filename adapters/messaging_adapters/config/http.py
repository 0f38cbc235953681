"""What a configuration says about the HTTP surface: URL, access keys, and request rates."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from messaging_adapters.asgi.access import EVERYTHING, Access, policy_of
from messaging_adapters.asgi.request_rates import RateOf, RequestRate
from messaging_adapters.config.keys import Key, faults_of
from messaging_core.errors import ArgumentError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE

_RATES: Final = {
    "requests_per_second": Key(kind=int, least=1),
    "reads_per_second": Key(kind=int, least=1),
}
_HTTP: Final = {"public_url": Key(), "workspaces": Key(kind=dict), **_RATES}
_ACCESS_KEYS: Final = {
    "sha256": Key(required=True),
    "workspace": Key(kind=UUID),
    "allow": Key(kind=list),
}
_DIGEST: Final = re.compile("[0-9a-f]{64}")


def http_faults(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield everything that is wrong with the tables of the HTTP surface."""
    for name, table in _subtables(data, "access_keys"):
        for fault in _access_key_faults(table):
            yield f"[access_keys.{name}] {fault}"
    http = dict(_subtables(data, "http"))
    for fault in faults_of(http, _HTTP):
        yield f"[http] {fault}"
    for workspace, table in _subtables(http, "workspaces"):
        for fault in _workspace_faults(workspace, table):
            yield f"[http.workspaces.{workspace}] {fault}"


def _workspace_faults(workspace: str, table: Any) -> Iterator[str]:
    """Yield everything that is wrong with the table of one workspace."""
    try:
        UUID(workspace)
    except ValueError:
        yield "is not named by the UUID of a workspace"
    if isinstance(table, dict):
        yield from faults_of(table, _RATES)
    else:
        yield f"must be a table with {' or '.join(_RATES)}"


def _access_key_faults(table: Any) -> Iterator[str]:
    """Yield everything that is wrong with the table of an access key."""
    if not isinstance(table, dict):
        yield "must be a table, with the key sha256: messaging keys hash prints one"
        return
    if faults := list(faults_of(table, _ACCESS_KEYS)):
        yield from faults
        return
    if not _DIGEST.fullmatch(table["sha256"]):
        yield "sha256: must be 64 characters 0-9 and a-f, as messaging keys hash prints them"
    try:
        UUID(table.get("workspace", str(DEFAULT_WORKSPACE)))
    except ValueError:
        yield f'workspace: "{table["workspace"]}" is not a UUID'
    for text in _texts(table.get("allow", [])):
        try:
            policy_of(text)
        except ArgumentError:
            yield (
                f'allow: "{text}" is not an action and a path,'
                ' such as "view /workspaces/*/channels/**"'
            )


def access_keys_of(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Access]:
    """Return what each access key allows, by its hash."""
    return {
        table["sha256"]: Access(
            name=name,
            workspace=UUID(table.get("workspace", str(DEFAULT_WORKSPACE))),
            policies=tuple(map(policy_of, _texts(table.get("allow", [])))) or EVERYTHING,
        )
        for name, table in tables.items()
    }


def request_rate_of(http: Mapping[str, Any]) -> RateOf | None:
    """Return how many requests each workspace may send, or nothing if there are no limits."""
    own = {UUID(name): _rate(table) for name, table in http.get("workspaces", {}).items()}
    general = _rate(http)
    if not own and general == RequestRate():
        return None
    return lambda workspace: own.get(workspace, general)


def _rate(table: Mapping[str, Any]) -> RequestRate:
    return RequestRate(
        per_second=table.get("requests_per_second"),
        reads_per_second=table.get("reads_per_second"),
    )


def _subtables(data: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    tables = data.get(key)  # what is no table is reported with the other keys of the file
    return iter(tables.items() if isinstance(tables, dict) else ())


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
