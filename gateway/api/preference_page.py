"""The preference page that every message leads to: `/preferences#<token>`.

It is the same for everybody and knows nothing: what stands behind `#` stays in the browser, and the page asks with it
(`api.preferences`). No cookie, nothing from elsewhere, and no script but the two of this gateway.
"""

import hashlib
import html
from functools import cache
from importlib import resources
from typing import Final

from aiohttp import web

from gateway.api.call import Call
from gateway.api.preference_texts import accepted, direction_of, language_of, texts
from gateway.model.errors import NotFound

_TYPES: Final = {"page.js": "text/javascript; charset=utf-8", "page.css": "text/css; charset=utf-8"}
_WORDS: Final = ("title", "loading", "lost", "offline")
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_SHORT: Final = "public, max-age=300"


async def page(call: Call) -> web.Response:
    """GET /preferences"""
    language = language_of((call.query("language"), *accepted(call.request.headers.get("Accept-Language"))))
    answer = _answer(_page(language), "text/html; charset=utf-8")
    answer.headers["Vary"] = "Accept-Language"
    answer.headers["Content-Language"] = language
    return answer


async def file(call: Call) -> web.Response:
    """GET /preferences/{file}"""
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


@cache
def _page(language: str) -> bytes:
    """One for each language there are words in."""
    said = {name: html.escape(texts()[language][name]) for name in _WORDS}
    form = _read("page.html").decode()
    return form.format(language=language, direction=direction_of(language), **said).encode()


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
    return (resources.files("gateway.api") / "static" / "preferences" / name).read_bytes()
