"""The OpenAPI 3.1 document, made from the URL table and the wire structs, so that it cannot say what is not so."""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from gateway.api.answers import ErrorAnswer
from gateway.api.examples import EXAMPLES
from gateway.api.route import Route
from gateway.model.errors import ERROR_CODES

_NAME: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_ABOUT: Final = (
    "The HTTP interface of Steeple, the push gateway you run yourself. JSON in and out, in UTF-8; times are RFC 3339 "
    "with a zone; ids are texts such as `msg_...`. Send `Idempotency-Key` with a POST that makes something, and repeat "
    "it as often as needed: it is done once. Lists are pages; `next` of one page is `after` of the following."
)
_PATH_WORDS: Final = {
    "id": "Id.",
    "key": "Id of the credential, `key_...`.",
    "slug": "Name of the topic.",
    "pool": "Name of the pool.",
    "token": "What the message's link brought along.",
    "place": "Which button, from 1 on.",
    "external_id": "The shop's own id of the user, or another name of theirs.",
    "file": "`steeple.js`, `worker.js`, or what the page script loads when it is needed.",
    "version": "Such as 1.0.0.",
}


def document(routes: Iterable[Route], *, url: str, version: str) -> dict[str, Any]:
    """The document for these routes; `url` is the gateway's public address."""
    shown = [route for route in routes if route.is_documented]
    structs = list(
        {struct: None for route in shown for struct in (*_requests(route), route.answer) if struct is not None}
    )
    schemas, components = msgspec.json.schema_components([*structs, ErrorAnswer], ref_template=_NAME)
    schema_of = dict(zip([*structs, ErrorAnswer], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Steeple",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "tags": [{"name": group} for group in dict.fromkeys(route.group for route in shown)],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
        "x-error-codes": ERROR_CODES,
    }


_SCHEMES: Final = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, `stpl_sk_...`."},
    "publishable": {"type": "http", "scheme": "bearer", "description": "A publishable key, `stpl_pk_...`."},
    "device": {"type": "http", "scheme": "bearer", "description": "The secret that a device got when it enrolled."},
}


def _operation(route: Route, schema_of: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "tags": [route.group],
        "summary": route.summary,
        "security": _security(route),
        "parameters": _parameters(route),
        "responses": _responses(route, schema_of),
    }
    if route.request is not None:
        several = [schema_of[one] for one in _requests(route)]
        content: dict[str, Any] = {"schema": several[0] if len(several) == 1 else {"oneOf": several}}
        example = EXAMPLES.get((route.method, route.path))
        if example is not None:
            content["example"] = example
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    elif route.reads != "application/json":
        operation["requestBody"] = {"required": True, "content": {route.reads: {"schema": {"type": "string"}}}}
    if route.auth.scope is not None:
        operation["description"] = f"Needs a key with the scope `{route.auth.scope}`."
        if route.auth.kind == "device":
            operation["description"] = f"Takes the device's own secret, or a key with the scope `{route.auth.scope}`."
        elif route.auth.kind == "public":
            operation["description"] = (
                f"For pages of the app's origins, or with a key of the scope `{route.auth.scope}`."
            )
    return operation


def _requests(route: Route) -> tuple[Any, ...]:
    """The structs that the body may be."""
    return route.request if isinstance(route.request, tuple) else (route.request,)


def operation_id(route: Route) -> str:
    """`post_messages_cancel` and the like: one for each route. Pages to look at have `page` behind it."""
    words = [part for part in re.split(r"[^A-Za-z0-9]+", route.path.removeprefix("/v1")) if part]
    if route.media == "text/html":
        words.append("page")
    return "_".join([route.method.lower(), *words])


def _security(route: Route) -> list[dict[str, list[str]]]:
    match route.auth.kind:
        case "key":
            return [{"key": []}]
        case "device":
            return [{"device": []}, {"key": []}]
        case "public":
            return [{}, {"publishable": []}, {"key": []}] if route.auth.scope else [{}]
        case "none":
            return [{}]


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_WORDS[name],
            "schema": {"type": "string"},
        }
        for name in _PARAMETER.findall(route.path)
    ]
    found += [
        {
            "name": query.name,
            "in": "query",
            "required": query.is_needed,
            "description": query.text,
            "schema": {"type": query.type},
        }
        for query in route.query
    ]
    if route.replay != "no":
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key with the same body does it once, and answers the same again for 7 days.",
                "schema": {"type": "string", "maxLength": 255},
            }
        )
    return found


def _responses(route: Route, schema_of: dict[Any, Any]) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "Done."}
    if route.status != 204:  # noqa: PLR2004 - No Content
        schema = schema_of[route.answer] if route.answer is not None else {}
        done["content"] = {route.media: {"schema": schema if route.media == "application/json" else {"type": "string"}}}
    refusal = {"application/json": {"schema": schema_of[ErrorAnswer]}}
    return {
        str(route.status): done,
        "4XX": {"description": "Refused; `code` says why.", "content": refusal},
        "5XX": {"description": "Not now; Retry-After says when.", "content": refusal},
    }
