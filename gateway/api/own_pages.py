"""Pages of our own for people: markup, style and script from `static/`, under a policy that lets in nothing else."""

import hashlib
from collections.abc import Set as AbstractSet
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Final

from aiohttp import web

from gateway.api.call import Call
from gateway.model.errors import NotFound

SHORT: Final = "public, max-age=300"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(name: str) -> web.Response:
    """A page."""
    return answer(read(name), name)


def file(call: Call, names: AbstractSet[str], *, folder: str = "", csp: str = _CSP) -> web.Response:
    """What a page loads, by the last part of the path; 404 for all but `names`. folder: in `static/`, with its `/`."""
    name = call.request.match_info["file"]
    if name not in names:
        raise NotFound("file")
    body = read(folder + name)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if call.request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    found = answer(body, name, csp=csp)
    found.headers["ETag"] = etag
    return found


def answer(body: bytes, name: str, *, csp: str = _CSP) -> web.Response:
    """These bytes as a file of this name. csp: a policy that lets in even less."""
    return web.Response(
        body=body,
        headers={
            "Content-Type": _TYPES[PurePosixPath(name).suffix],
            "Cache-Control": SHORT,
            "Content-Security-Policy": csp,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        },
    )


@cache
def read(name: str) -> bytes:
    """A file of `static/`; never by a name that a caller chose."""
    return (resources.files("gateway.api") / "static" / name).read_bytes()
