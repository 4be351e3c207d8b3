"""`/c/{token}`: a message's link by way of the gateway, for devices that cannot tell of a click themselves.

No open redirect: where it leads stands in the stored message. A click counts once, and only a person's; HEAD, fetching
ahead and scanners of links are led on and not counted. Whoever shows a token that is not ours gets a 404.
"""

import contextlib
from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.analytics.ingest import Report
from gateway.api.call import Call
from gateway.model.app import App
from gateway.model.errors import GatewayError, NotFound
from gateway.model.event import ReceiptKind
from gateway.model.limits import CLICK_LINK_DAYS
from gateway.policy import receipt_token
from gateway.policy.receipt_token import ReceiptClaim
from gateway.policy.visits import is_persons
from gateway.sending.clicks import target_of
from gateway.telemetry import RECEIPTS

_PLACES: Final = frozenset("123456789")
"""Buttons of a message: there are never more."""


async def follow(call: Call) -> web.Response:
    """GET /c/{token}"""
    return await _follow(call, place=0)


async def follow_button(call: Call) -> web.Response:
    """GET /c/{token}/{place}"""
    place = call.request.match_info["place"]
    if place not in _PLACES:
        raise NotFound("link")
    return await _follow(call, place=int(place))


async def _follow(call: Call, *, place: int) -> web.Response:
    token = call.request.match_info["token"]
    app, claim = await _genuine(call, token)
    target = await target_of(call.services.database, app, claim, place=place)
    if target is None:
        raise NotFound("link")
    if is_persons(call.request.headers, method=call.request.method):
        # Somebody waits to be led on: a count that cannot be written now is not worth their time.
        with contextlib.suppress(GatewayError):
            await call.services.ingest.take([Report(token, ReceiptKind.CLICKED, None, target.action)])
    else:
        RECEIPTS.labels("clicked", "scanned").inc()
    return web.Response(
        status=HTTPStatus.FOUND, headers={"Location": target.url, "X-Robots-Tag": "noindex, nofollow, noarchive"}
    )


async def _genuine(call: Call, token: str) -> tuple[App, ReceiptClaim]:
    """The app, and what its token says. Raises `NotFound`, 429."""
    call.gate.check_stranger(call.address)
    app_id = receipt_token.app_of(token)
    claim: ReceiptClaim | None = None
    if app_id is not None:
        with contextlib.suppress(NotFound):
            app = await call.services.keyring.app_by_id(app_id)
            call.gate.take_for_app(call.address, app.id)
            secrets = await call.services.keyring.receipt_secrets(app_id)
            claim = receipt_token.read(token, secrets=secrets, today=call.now().date(), days=CLICK_LINK_DAYS)
            if claim is not None and claim.allows(ReceiptKind.CLICKED):
                return app, claim
    call.gate.note_stranger(call.address)
    raise NotFound("link")
