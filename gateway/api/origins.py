"""Which pages may read our answers: exact origins, never a pattern, never "null", never any.

An Origin header proves nothing (anybody can send one); it keeps other sites' scripts from using a visitor's browser
against an app. Where a call names its app, that app's origins decide. A preflight often names none: then an origin that
any app has may go on, and the call itself is held to its app.
"""

import time
from typing import Final

from aiohttp import web

from gateway.model.app import App
from gateway.model.limits import KNOWN_ORIGINS_MAX, KNOWN_ORIGINS_S, PREFLIGHT_AGE_S
from gateway.store import origins as store
from gateway.store.database import Database

_ORIGIN_CHARS_MAX: Final = 270
"""https://, a host name of 253, a port."""
_EXPOSED: Final = "X-Request-Id, Retry-After, Idempotent-Replayed"
_ALLOWED_HEADERS: Final = "Authorization, Content-Type, Idempotency-Key, X-Request-Id"


class OriginBook:
    """Whether any app has an origin; remembered for some seconds, in bounded memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[bool, float]] = {}

    async def knows(self, origin: str) -> bool:
        """Whether an app lists exactly this origin."""
        if not _is_plausible(origin):
            return False
        now_s = time.monotonic()
        known = self._known.get(origin)
        if known is not None and known[1] > now_s:
            return known[0]
        found = await store.is_listed(self._database, origin)
        if len(self._known) >= KNOWN_ORIGINS_MAX:
            self._known.clear()
        self._known[origin] = (found, now_s + KNOWN_ORIGINS_S)
        return found


def allow(answer: web.StreamResponse, origin: str) -> None:
    """Lets pages of this origin read the answer."""
    answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Access-Control-Expose-Headers"] = _EXPOSED


def vary(answer: web.StreamResponse) -> None:
    """Keeps caches from handing one origin's answer to another."""
    answer.headers["Vary"] = "Origin"


def preflight_answer(origin: str | None, methods: str) -> web.Response:
    """204; with permission when `origin` is given."""
    answer = web.Response(status=204)
    answer.headers["Vary"] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    if origin is not None:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Allow-Methods"] = methods
        answer.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
        answer.headers["Access-Control-Max-Age"] = str(PREFLIGHT_AGE_S)
    return answer


def has_origin(app: App, origin: str | None) -> bool:
    """Whether this exact origin is the app's."""
    return origin is not None and origin in app.origins


def _is_plausible(origin: str) -> bool:
    return len(origin) <= _ORIGIN_CHARS_MAX and origin.isascii() and origin.startswith(("https://", "http://"))
