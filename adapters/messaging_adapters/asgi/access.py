"""Who may call which resource: access keys and their policies.

A key belongs to one workspace. Its policies are pairs of an action and the path of a resource with
wildcards, as the Bird Channels API has them (reference §1.1).
"""

import hmac
import re
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from inspect import isawaitable
from typing import Any, Final, Protocol
from uuid import UUID

import attrs

from messaging_core.arguments import a_text, checked_init, choice, refuse, uuid
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.ports.http import HttpRequest

_HASH: Final = re.compile("[0-9a-f]{64}")
_SCHEMES: Final = ("accesskey", "bearer")


class Action(StrEnum):
    """What a call does to a resource."""

    VIEW = "view"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


def _resource(value: Any, name: str) -> Any:
    """Allow paths that can match: one that cannot would shut its callers out silently."""
    value = a_text(value, name)
    if not value.startswith("/") or "**" in value.removesuffix("**"):
        allowed = "a path from / on, with ** only at its end"
        raise refuse(name, allowed, value, 'write "/workspaces/*/channels/**"')
    return value


@checked_init(action=choice(*Action, "*", case=str.lower), resource=_resource)
@attrs.frozen
class Policy:
    """Allow an action on resources.

    Attributes:
        action: `view`, `create`, `update` or `delete`; `*` is all of them.
        resource: A path such as `/workspaces/*/channels/*/messages`. `*` is any one segment, and
            `**` at the end is everything below.

    Raises:
        ArgumentError: The action does not exist, or the resource is no such path.
    """

    action: str
    resource: str

    def allows(self, action: Action, path: str) -> bool:
        """Return whether a call is allowed."""
        return self.action in {"*", action} and self._pattern.fullmatch(path) is not None

    def __str__(self) -> str:
        """Return the action and the path, as `policy_of` reads them."""
        return f"{self.action} {self.resource}"

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        pieces = {"**": ".*", "*": "[^/]*"}
        parts = re.split(r"(\*\*$|\*)", self.resource)
        pattern = "".join(pieces.get(part) or re.escape(part) for part in parts)
        return re.compile(pattern, re.DOTALL)  # a line break in a path is a letter like any other


def policy_of(text: str) -> Policy:
    """Return the policy that a text such as `view /workspaces/*/channels/**` describes.

    Raises:
        ArgumentError: It is not an action and a path.
    """
    action, _, resource = text.partition(" ")
    return Policy(action, resource.strip())


EVERYTHING: Final = (Policy("*", "/**"),)
"""The policies of a key that may call every resource of its workspace."""


@checked_init(name=a_text, workspace=uuid)
@attrs.frozen(kw_only=True)
class Access:
    """What a caller may do.

    Attributes:
        name: Of the key or user, for logs; never the secret.
        workspace: The only workspace that the caller sees; all others do not exist for it.
        policies: What it may call there.
    """

    name: str
    workspace: UUID = DEFAULT_WORKSPACE
    policies: tuple[Policy, ...] = EVERYTHING

    def allows(self, action: Action, path: str) -> bool:
        """Return whether a policy allows a call."""
        return any(policy.allows(action, path) for policy in self.policies)


class AccessKeys(Protocol):
    """Know the access keys that callers send in `Authorization`."""

    @abstractmethod
    def find(self, token: str) -> Access | Awaitable[Access | None] | None:
        """Return what the owner of a token may do, or nothing when it is not known.

        It is called on the event loop: where it must wait, it returns an awaitable. The time must
        not tell how much of a token is right: compare digests, not tokens.
        """


Authenticate = Callable[[HttpRequest], Access | Awaitable[Access | None] | None]
"""A host's own login: returns what the sender of a request may do, or nothing.

It is called on the event loop, and may be a coroutine function.
"""


class AccessKeyTable(AccessKeys):
    """Keep access keys as hashes, so that who reads the configuration learns no key.

    Args:
        keys: What each key allows, by the SHA-256 of its token in lower-case hex; see
            `hash_of_key`. Tokens must be random, of 128 bits or more: a hash hides no password.

    Raises:
        ConfigurationError: There is no key, or a hash is none.
    """

    def __init__(self, keys: Mapping[str, Access]) -> None:
        if not keys:
            raise ConfigurationError("keys must not be empty: no caller could do anything")
        if not all(_HASH.fullmatch(digest) for digest in keys):
            text = "keys must be named by hash_of_key(token): 64 characters 0-9 and a-f"
            raise ConfigurationError(text)
        self._keys = tuple((digest.encode(), access) for digest, access in keys.items())

    def find(self, token: str) -> Access | None:
        """Return what the owner of a token may do; the time is the same for every token."""
        given = hash_of_key(token).encode()
        matches = [access for digest, access in self._keys if hmac.compare_digest(digest, given)]
        return matches[0] if matches else None


class AccessKeyChain(AccessKeys):
    """Know the keys of several places, such as a configuration and a storage.

    Args:
        places: Are asked in turn until one knows the token.
    """

    def __init__(self, *places: AccessKeys) -> None:
        self._places = places

    async def find(self, token: str) -> Access | None:
        """Return what the first place that knows a token allows its owner."""
        for place in self._places:
            access = await resolved(place.find(token))
            if access is not None:
                return access
        return None


async def resolved(access: Access | Awaitable[Access | None] | None) -> Access | None:
    """Return what a login has found, when it has."""
    return await access if isawaitable(access) else access


def hash_of_key(token: str) -> str:
    """Return the hash under which an access key is kept."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


def authenticator(keys: AccessKeys) -> Authenticate:
    """Return the login by `Authorization: AccessKey <token>` or `Bearer <token>`."""

    def authenticate(request: HttpRequest) -> Access | Awaitable[Access | None] | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        return keys.find(token) if token and scheme.lower() in _SCHEMES else None

    return authenticate
