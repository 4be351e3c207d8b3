"""The ledger of consents: what one device, one person, everybody of an app agreed to and took back."""

from typing import Final

import msgspec
from aiohttp import web

from gateway.api.answers import json_answer
from gateway.api.call import Call
from gateway.api.devices import enter
from gateway.api.schema.consents import ConsentAnswer, ConsentPage, ConsentsAnswer
from gateway.api.subscriptions import device_number
from gateway.api.transfers import streamed
from gateway.api.users import name_in_path
from gateway.model.consent import ConsentRecord
from gateway.store import consents
from gateway.subscribers.consent_book import is_intact, lines, of_person, shown

_NDJSON: Final = "application/x-ndjson"


async def of_device(call: Call) -> web.Response:
    """GET /v1/subscriptions/{id}/consents"""
    app, secret = await enter(call)
    device = await call.services.enroller.get(app, device_number(call, secret), secret)
    db = call.services.database
    found = await consents.of_device(db, app, device.id)
    told = found if secret is None else [_without_others(one, device.person) for one in found]
    return json_answer(ConsentsAnswer(data=_answers(told), intact=await is_intact(db, app, found)))


async def of_user(call: Call) -> web.Response:
    """GET /v1/users/{external_id}/consents"""
    app = await call.app_for(call.query("app"))
    person = await call.gate.users.get(app, name_in_path(call))
    return json_answer(ConsentPage(_answers(await of_person(call.services.database, app, person))))


async def export(call: Call) -> web.StreamResponse:
    """GET /v1/consents/export"""
    app = await call.app_for(call.query("app"))
    return await streamed(call, lines(call.services.database, app), media=_NDJSON)


def _without_others(record: ConsentRecord, person: str | None) -> ConsentRecord:
    """Browsers are shared: whoever holds one now is not told who was logged in there before."""
    return record if record.person == person else msgspec.structs.replace(record, person=None)


def _answers(records: list[ConsentRecord]) -> list[ConsentAnswer]:
    return [msgspec.convert(shown(one), ConsentAnswer) for one in records]
