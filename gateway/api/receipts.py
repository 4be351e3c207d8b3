"""`POST /v1/receipts`: devices tell what became of a notification. The token in its payload is their only proof."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.analytics.ingest import Report
from gateway.api.answers import json_answer
from gateway.api.auth import count_publishable
from gateway.api.call import Call, decoder_of
from gateway.api.schema.receipts import ReceiptsAnswer, ReceiptsRequest
from gateway.model.errors import GatewayError
from gateway.model.event import ReceiptKind
from gateway.policy.receipt_token import app_of
from gateway.tenancy.api_keys import PUBLISHABLE_PREFIX

_DECODER: Final = decoder_of(ReceiptsRequest)
_KINDS: Final = {kind.name.lower(): kind for kind in ReceiptKind}
_NO_APP: Final = -2
"""Tokens that name no app share one rate per address."""


async def take(call: Call) -> web.Response:
    """POST /v1/receipts"""
    wanted: ReceiptsRequest = call.decode(_DECODER)
    await _enter(call, wanted)
    reports = [Report(one.token, _KINDS[one.kind], one.at, one.action) for one in wanted.receipts]
    return json_answer(ReceiptsAnswer(await call.services.ingest.take(reports)), status=HTTPStatus.ACCEPTED)


async def _enter(call: Call, wanted: ReceiptsRequest) -> None:
    """Counts the call against the app of its first token, and lets that app's pages read the answer."""
    app_id = app_of(wanted.receipts[0].token) if wanted.receipts else None
    call.gate.check_stranger(call.address)
    if app_id is not None:
        try:
            call.app = await call.services.keyring.app_by_id(app_id)
        except GatewayError as fault:
            if fault.kind != "not_found":
                raise
            call.gate.note_stranger(call.address)
    call.gate.take_for_app(call.address, _NO_APP if call.app is None else call.app.id)
    if call.brings(PUBLISHABLE_PREFIX):
        await count_publishable(call)
