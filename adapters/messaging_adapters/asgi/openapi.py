"""The OpenAPI 3.1 document of the routes, written out from the routes, the models and the rules."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from attrs import field, frozen

from messaging_adapters.asgi.json_schema import Schema, Schemas
from messaging_adapters.asgi.parameters import Parameter, parameters_of
from messaging_adapters.asgi.problems import CODES, TOO_MANY
from messaging_adapters.asgi.route_table import ROUTES, SHORT_LINK, Route
from messaging_adapters.asgi.routes.batches import BatchRequest
from messaging_adapters.asgi.routes.media import UploadRequest
from messaging_adapters.asgi.routes.notifications import answer_mia_problem
from messaging_core.acceptance.idempotency import MAX_KEY_LENGTH
from messaging_core.models.common.page import DEFAULT_LIMIT, MAX_LIMIT
from messaging_core.models.delivery.interaction import Conversion
from messaging_core.models.delivery.webhook import NewWebhookSubscription
from messaging_core.models.messages.request import SendMessage
from messaging_core.rules.content.tags import TAG_LENGTH
from messaging_core.rules.policy.validity import VALIDITY_LIMIT
from messaging_core.rules.requests.conversion import FINAL_STATUSES, TEMPORARY
from messaging_core.rules.requests.conversion import TYPES as CONVERSION_TYPES
from messaging_core.rules.requests.message import MAX_BATCH, MAX_REFERENCE_LENGTH
from messaging_core.rules.requests.query import MAX_PAGE_TOKEN_LENGTH, MAX_VALUES
from messaging_core.rules.requests.webhook import MAX_KEY_LENGTH as MAX_SIGNING_KEY_LENGTH
from messaging_core.rules.requests.webhook import SERVICE

_PATH_IDS: Final = re.compile(r"\{(\w+)\}")
_JSON: Final = "application/json"
_ACCEPTED: Final = 202
_FOUND: Final = 302
_RETRY_AFTER: Final = {
    "Retry-After": {"description": "in seconds", "schema": {"type": "integer", "minimum": 1}}
}
_LOCATION: Final = {"Location": {"schema": {"type": "string", "format": "uri"}}}


@frozen(kw_only=True)
class Problem:
    """The body of every error."""

    code: str
    message: str
    details: Mapping[str, tuple[str, ...]] = field(factory=dict)


@frozen(kw_only=True)
class MiaProblem:
    """The body of an error of the Mia-Platform Messaging Service."""

    status_code: str
    error: str
    message: str


_PAGE: Final[Mapping[str, Schema]] = {
    "limit": {"minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "pageToken": {"maxLength": MAX_PAGE_TOKEN_LENGTH},
    "platform": {"items": {"pattern": "^[A-Za-z0-9-]{3,60}$"}},
}
CONSTRAINTS: Final[Mapping[type, Mapping[str, Schema]]] = {
    SendMessage: {
        "reference": {"maxLength": MAX_REFERENCE_LENGTH},
        "tags": {
            "items": {"minLength": 1, "maxLength": TAG_LENGTH, "pattern": "^[A-Za-z0-9_ -]+$"},
        },
        "validity": {"minimum": 0, "maximum": int(VALIDITY_LIMIT.total_seconds())},
    },
    Conversion: {
        "type": {"enum": list(CONVERSION_TYPES)},
        "status": {"enum": [*FINAL_STATUSES, TEMPORARY]},
    },
    UploadRequest: {"contentType": {"minLength": 1}},
    NewWebhookSubscription: {
        "service": {"enum": [SERVICE]},
        "event": {"pattern": "^[A-Za-z0-9-]{3,60}[.](outbound|inbound|interaction)$"},
        "url": {"pattern": "^https://([a-zA-Z0-9-]+[.])+[a-zA-Z]{2,}(/[^\\s]*)?$"},
        "signingKey": {"minLength": 1, "maxLength": MAX_SIGNING_KEY_LENGTH},
    },
    BatchRequest: {"messageRequests": {"minItems": 1, "maxItems": MAX_BATCH}},
}
"""What the rules say of single fields; rules between fields are told by a 422."""

# What every caller with an access key may get, on all routes.
_WITH_KEY: Final = (400, 401, 403, 404, 413, TOO_MANY, 500, 503)
_WITHOUT_KEY: Final = (404, 500, 503)


def describe(
    routes: Iterable[Route] = ROUTES, *, title: str = "Messaging", server: str = "/"
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of routes.

    Webhooks of providers are left out: each provider describes its own.

    Args:
        routes: By default all that an application can have.
        title: Of the document.
        server: The URL before the paths, or its path, such as `/messaging`.
    """
    schemas = Schemas(CONSTRAINTS)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.documents is not None and route.method != "HEAD" and route.path != SHORT_LINK:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version("messaging-engine")},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "securitySchemes": {
                "accessKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`AccessKey <token>` or `Bearer <token>`",
                },
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    name = route.handler.__name__
    summary = (route.handler.__doc__ or "").partition("\n")[0]
    operation: dict[str, Any] = {
        "operationId": re.sub("_(.)", lambda letter: letter[1].upper(), name),
        "summary": summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route, schemas)],
        "responses": _responses(route, schemas),
        "security": _security(route),
    }
    if route.body is not None:
        content = {_JSON: {"schema": schemas.of(route.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _security(route: Route) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = [{"accessKey": []}, {"bearer": []}]
    if route.is_open:
        return [{}, *keys]
    return keys if route.action else []


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"} | ({"format": "uuid"} if name.endswith("Id") else {}),
        }
        for name in _PATH_IDS.findall(route.path)
    ]


def _query_parameters(route: Route, schemas: Schemas) -> list[dict[str, Any]]:
    parameters = [] if route.query is None else parameters_of(route.query).values()
    described = [
        {"name": parameter.name, "in": "query", "schema": _parameter_schema(parameter, schemas)}
        for parameter in parameters
        if parameter.name not in route.without
    ]
    if route.body is not None and route.status == _ACCEPTED:
        schema = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH}
        described.append({"name": "Idempotency-Key", "in": "header", "schema": schema})
    return described


def _parameter_schema(parameter: Parameter, schemas: Schemas) -> Schema:
    schema, rules = schemas.of(parameter.kind), _PAGE.get(parameter.name, {})
    if not parameter.is_repeatable:
        return {**schema, **rules}
    return {"type": "array", "maxItems": MAX_VALUES, "items": {**schema, **rules.get("items", {})}}


def _responses(route: Route, schemas: Schemas) -> dict[str, Any]:
    well: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if route.result is not None:
        well["content"] = {_JSON: {"schema": schemas.of(route.result)}}
    if route.status == _FOUND:
        well["headers"] = _LOCATION
    answers = {str(route.status): well}
    if route.may_redirect:
        answers[str(_FOUND)] = {"description": HTTPStatus.FOUND.phrase, "headers": _LOCATION}
    is_mia = route.answer_problem is answer_mia_problem
    problem = {_JSON: {"schema": schemas.of(MiaProblem if is_mia else Problem)}}
    statuses = set(_WITH_KEY if route.action else _WITHOUT_KEY)
    statuses |= {422} if route.body or route.query else set()
    statuses |= {409, 415} if route.action and route.method != "GET" else set()
    if route.may_redirect:  # a file that is not fetched yet
        statuses |= {409}
    problems: dict[str, dict[str, Any]] = {
        str(status): {"description": CODES[status], "content": problem}
        for status in sorted(statuses)
    }
    if route.action:
        problems[str(TOO_MANY)]["headers"] = _RETRY_AFTER
    if route.unwell is not None:
        problems[str(route.unwell)] = {**well, "description": CODES[route.unwell]}
    return answers | problems
