"""Repeated calls: the same Idempotency-Key with the same body makes a thing once and answers the same again.

Reserve, run, complete. A message's key is stored with the message itself, in one transaction (`sending.accept`); this
file is for everything else. Only answers that made something are kept: a refusal may be different next time. An answer
with a secret in it (a new API key) is sealed like every other secret at rest, so that a caller who lost it can ask
again.

Enrolling a device needs none of this: the same address is the same subscription, however often it comes.
"""

import asyncio
from datetime import datetime
from typing import Final

from aiohttp import web

from gateway.api.answers import json_bytes
from gateway.api.call import Call
from gateway.model.errors import Conflict, GatewayError
from gateway.model.ids import bucket_of_text
from gateway.model.limits import IDEMPOTENT_ANSWER_BYTES_MAX
from gateway.store import idempotency as store
from gateway.store.idempotency import Slot, Stored

_TRIES_MAX: Final = 3
"""A reservation may be given back between our asking for it and our looking who has it."""


async def run(call: Call, key: str, *, is_sealed: bool) -> web.StreamResponse:
    """The handler's answer, or the one that was given before. Raises 409 while the first call is under way."""
    slot = _slot(call, key)
    request_hash = call.request_hash()
    for _ in range(_TRIES_MAX):
        reserved_at = await store.reserve(call.services.database, slot, request_hash=request_hash)
        if reserved_at is not None:
            return await _run_reserved(call, slot, reserved_at, is_sealed=is_sealed)
        stored = await store.find(call.services.database, slot)
        if stored is not None:
            return _again(call, slot, stored, request_hash, is_sealed=is_sealed)
    raise _in_flight()


async def _run_reserved(call: Call, slot: Slot, reserved_at: datetime, *, is_sealed: bool) -> web.StreamResponse:
    made = False
    try:
        answer = await call.route.handler(call)
        if isinstance(answer, web.Response) and answer.status < 300:  # noqa: PLR2004 - the class of success
            made = await _keep(call, slot, reserved_at, answer, is_sealed=is_sealed)
    finally:
        if not made:
            # Shielded: a caller who hangs up must not leave the key reserved for a minute.
            await asyncio.shield(store.release(call.services.database, slot, reserved_at=reserved_at))
    return answer


async def _keep(call: Call, slot: Slot, reserved_at: datetime, answer: web.Response, *, is_sealed: bool) -> bool:
    body = answer.body if isinstance(answer.body, bytes) else b""
    if len(body) > IDEMPOTENT_ANSWER_BYTES_MAX:
        return False
    if is_sealed:
        body = call.services.vault.seal(body, context=_context(slot))
    return await store.complete(
        call.services.database, slot, reserved_at=reserved_at, status=answer.status, answer=body
    )


def _again(call: Call, slot: Slot, stored: Stored, request_hash: bytes, *, is_sealed: bool) -> web.Response:
    if stored.request_hash != request_hash:
        raise Conflict("idempotency_mismatch", "This Idempotency-Key was used before with another body; use a new one.")
    if stored.status is None or stored.answer is None:
        raise _in_flight()
    body = call.services.vault.open(stored.answer, context=_context(slot)) if is_sealed else stored.answer
    answer = json_bytes(body, status=stored.status)
    answer.headers["Idempotent-Replayed"] = "true"
    return answer


def _slot(call: Call, key: str) -> Slot:
    """Keys of the installation lie in app 0; everybody else's in their app."""
    app = call.app
    if app is None:
        return Slot(app_id=0, bucket=0, key=key)
    return Slot(app_id=app.id, bucket=bucket_of_text(key.encode(), home=app.home, spread=app.spread), key=key)


def _context(slot: Slot) -> str:
    return f"app_{slot.app_id}/idempotency/{slot.key}"


def _in_flight() -> GatewayError:
    return Conflict(
        "idempotency_in_flight", "A request with this Idempotency-Key is still being worked on.", retry_after_s=1
    )
