"""The reference: OpenAPI for programs, a page for people. Nothing of it comes from outside."""

import hashlib
from functools import cache
from importlib import resources
from typing import Final

from aiohttp import web

import gateway
from gateway.api.answers import ENCODER, json_bytes
from gateway.api.call import Call
from gateway.api.openapi import document
from gateway.model.errors import NotFound

_TYPES: Final = {"docs.js": "text/javascript; charset=utf-8", "docs.css": "text/css; charset=utf-8"}
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SHORT: Final = "public, max-age=300"


async def openapi(call: Call) -> web.Response:
    """GET /openapi.json"""
    answer = json_bytes(ENCODER.encode(document(call.gate.routes, url=call.gate.url, version=gateway.__version__)))
    answer.headers["Cache-Control"] = _SHORT
    return answer


async def page(call: Call) -> web.Response:
    """GET /docs"""
    del call
    return _answer(_read("docs.html"), "text/html; charset=utf-8")


async def file(call: Call) -> web.Response:
    """GET /docs/{file}"""
    name = call.request.match_info["file"]
    if name not in _TYPES:
        raise NotFound("file")
    body = _read(name)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if call.request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    answer = _answer(body, _TYPES[name])
    answer.headers["ETag"] = etag
    return answer


def _answer(body: bytes, media: str) -> web.Response:
    return web.Response(
        body=body,
        headers={
            "Content-Type": media,
            "Cache-Control": _SHORT,
            "Content-Security-Policy": _CSP,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        },
    )


@cache
def _read(name: str) -> bytes:
    return (resources.files("gateway.api") / "static" / name).read_bytes()
