"""A page to look at prompts: each kind, in each theme, scheme and language, drawn by the files that shops load."""

from aiohttp import web

from gateway.api import own_pages
from gateway.api.call import Call


async def page(call: Call) -> web.Response:
    """GET /preview"""
    del call
    return own_pages.page("preview.html")


async def file(call: Call) -> web.Response:
    """GET /preview/{file}"""
    return own_pages.file(call, frozenset({"preview.js", "preview.css"}))
