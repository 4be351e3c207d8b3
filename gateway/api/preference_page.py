"""The preference page that every message leads to: `/preferences#<token>`.

It is the same for everybody and knows nothing: what stands behind `#` stays in the browser, and the page asks with it
(`api.preferences`). No cookie, nothing from elsewhere, and no script but the two of this gateway.
"""

import html
from functools import cache
from typing import Final

from aiohttp import web

from gateway.api import own_pages
from gateway.api.call import Call
from gateway.api.preference_texts import accepted, direction_of, language_of, texts

_FOLDER: Final = "preferences/"
_PAGE: Final = "page.html"
_FILES: Final = frozenset({"page.js", "page.css"})
_WORDS: Final = ("title", "loading", "lost", "foreign", "offline")
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


async def page(call: Call) -> web.Response:
    """GET /preferences"""
    language = language_of((call.query("language"), *accepted(call.request.headers.get("Accept-Language"))))
    answer = own_pages.answer(_page(language), _PAGE, csp=_CSP)
    answer.headers["Vary"] = "Accept-Language"
    answer.headers["Content-Language"] = language
    return answer


async def file(call: Call) -> web.Response:
    """GET /preferences/{file}"""
    return own_pages.file(call, _FILES, folder=_FOLDER, csp=_CSP)


@cache
def _page(language: str) -> bytes:
    """One for each language there are words in."""
    said = {name: html.escape(texts()[language][name]) for name in _WORDS}
    form = own_pages.read(_FOLDER + _PAGE).decode()
    return form.format(language=language, direction=direction_of(language), **said).encode()
