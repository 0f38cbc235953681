"""What a configuration says about the HTTP surface: its public URL, and the access keys."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from messaging_adapters.asgi.access import EVERYTHING, Access, policy_of
from messaging_adapters.config.keys import Key, faults_of
from messaging_core.errors import ArgumentError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE

_HTTP: Final = {"public_url": Key()}
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
    for fault in faults_of(dict(_subtables(data, "http")), _HTTP):
        yield f"[http] {fault}"


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


def _subtables(data: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    tables = data.get(key)  # what is no table is reported with the other keys of the file
    return iter(tables.items() if isinstance(tables, dict) else ())


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
