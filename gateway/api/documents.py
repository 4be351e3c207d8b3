"""The reference: OpenAPI for programs, a page for people. Nothing of it comes from outside."""

from aiohttp import web

import gateway
from gateway.api import own_pages
from gateway.api.answers import ENCODER, json_bytes
from gateway.api.call import Call
from gateway.api.openapi import document


async def openapi(call: Call) -> web.Response:
    """GET /openapi.json"""
    answer = json_bytes(ENCODER.encode(document(call.gate.routes, url=call.gate.url, version=gateway.__version__)))
    answer.headers["Cache-Control"] = own_pages.SHORT
    return answer


async def page(call: Call) -> web.Response:
    """GET /docs"""
    del call
    return own_pages.page("docs.html")


async def file(call: Call) -> web.Response:
    """GET /docs/{file}"""
    return own_pages.file(call, frozenset({"docs.js", "docs.css"}))
