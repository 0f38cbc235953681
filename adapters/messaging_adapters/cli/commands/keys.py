"""The commands about access keys of the HTTP surface."""

import secrets
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import orjson

from messaging_adapters.asgi.access import EVERYTHING, Policy, hash_of_key, policy_of
from messaging_adapters.asgi.stored_keys import KEY_BYTES, StoredAccessKeys
from messaging_adapters.cli.config.engine import config_if_any, looking_engine
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.output.timestamps import moment
from messaging_adapters.cli.usage import UsageError
from messaging_adapters.config.database import open_storage
from messaging_core.errors import ArgumentError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.wire import dump, encode

_ONCE = "keep the key: it is not shown again"


def create_key(options: Namespace) -> int:
    """Store a new access key, and print its token, once."""
    policies = [_policy(text) for text in options.allow or ()] or EVERYTHING
    workspace = _workspace(options.workspace) or DEFAULT_WORKSPACE
    screen, config = Screen(), config_if_any(options)
    with open_storage(options.database or config.database, config.driver) as storage:
        keys = StoredAccessKeys(storage, clock=options.clock)
        new = keys.create(options.name, workspace=workspace, policies=policies)
    screen.remark(_ONCE)
    if options.json:
        screen.json(orjson.dumps({**dump(new.key), "token": new.token}))
    else:
        screen.line(f"id: {new.key.id}")
        screen.line(f"key: {new.token}")
    return 0


def list_keys(options: Namespace) -> int:
    """List the stored access keys, without their tokens."""
    screen, workspace = Screen(), _workspace(options.workspace)
    with _stored_keys(options) as stored:
        keys = stored.all(workspace=workspace)
    if options.json:
        for key in keys:
            screen.json(encode(key))
        return 0
    if not keys:
        screen.remark("no access keys are stored")
        return 0
    rows = [
        (
            str(key.id),
            key.name,
            moment(key.created_at)[:16],
            moment(key.used_at)[:16] if key.used_at else "never",
            str(key.workspace_id),
            ", ".join(key.policies),
        )
        for key in keys
    ]
    columns = [Column(name) for name in ("id", "name", "created", "used", "workspace")]
    screen.table([*columns, Column("allows", wraps=True)], rows)
    return 0


def revoke_key(options: Namespace) -> int:
    """Delete a stored access key; servers that run refuse it within a second."""
    screen = Screen()
    try:
        key_id = UUID(options.id)
    except ValueError:
        raise UsageError("an access key has a UUID: messaging keys list shows it") from None
    with _stored_keys(options) as stored:
        revoked = stored.revoke(key_id)
    if options.json:
        screen.json(orjson.dumps({"id": str(key_id), "revoked": revoked}))
    elif revoked:
        screen.line(f"{key_id} is revoked")
    else:
        screen.remark(f"messaging: no access key {key_id} is stored")
    return 0 if revoked else 1


def hash_key(options: Namespace) -> int:
    """Print an access key, once, and the table that lets it in."""
    token = secrets.token_urlsafe(KEY_BYTES)
    screen, digest = Screen(), hash_of_key(token)
    screen.remark(f"{_ONCE}. The table goes into messaging.toml")
    if options.json:
        screen.json(orjson.dumps({"name": options.name, "token": token, "sha256": digest}))
        return 0
    screen.line(f"key: {token}")
    screen.line("")
    screen.line(f"[access_keys.{options.name}]")
    screen.line(f'sha256 = "{digest}"')
    return 0


@contextmanager
def _stored_keys(options: Namespace) -> Iterator[StoredAccessKeys]:
    with looking_engine(options) as engine:
        yield StoredAccessKeys(engine.storage, clock=options.clock)


def _workspace(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise UsageError(f'--workspace: "{text}" is not a UUID') from None


def _policy(text: str) -> Policy:
    try:
        return policy_of(text)
    except ArgumentError:
        example = 'such as "view /workspaces/*/channels/**"'
        raise UsageError(f'--allow: "{text}" is not an action and a path, {example}') from None
