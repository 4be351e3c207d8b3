"""`/v1/users`: what the shop's server tells of people, and what it gets to see of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.api import bodies
from gateway.api.answers import error_body, json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.schema.users import (
    AliasRequest,
    BulkAnswer,
    BulkRequest,
    BulkResult,
    EventCounts,
    UserAnswer,
    UserPage,
    UserRequest,
)
from gateway.api.transfers import streamed
from gateway.model.app import App
from gateway.model.errors import GatewayError, Invalid
from gateway.model.ids import to_text
from gateway.model.person import Person
from gateway.subscribers.choices import choices_shown
from gateway.subscribers.dossier import told
from gateway.subscribers.erase import erase as forget
from gateway.subscribers.preferences import check_external_id
from gateway.subscribers.user_request import UserRow, change_of
from gateway.subscribers.users import Wish
from gateway.wire.base64url import decode_base64url, encode_base64url

_USER: Final = decoder_of(UserRequest)
_BULK: Final = decoder_of(BulkRequest)
_ROW: Final = decoder_of(UserRow)
_ALIAS: Final = decoder_of(AliasRequest)


async def put(call: Call) -> web.Response:
    """PUT /v1/users/{external_id}"""
    return await _write(call, is_whole=True)


async def change(call: Call) -> web.Response:
    """PATCH /v1/users/{external_id}"""
    return await _write(call, is_whole=False)


async def _write(call: Call, *, is_whole: bool) -> web.Response:
    wanted: UserRequest = call.decode(_USER)
    app = await call.app_for(wanted.app or call.query("app"))
    person, is_new = await call.gate.users.change(
        app,
        name_in_path(call),
        change_of(wanted, is_whole=is_whole, now=call.now()),
        now=call.now(),
        is_known=not is_whole,
    )
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return json_answer(await _answer(call, app, person), status=status)


async def show(call: Call) -> web.Response:
    """GET /v1/users/{external_id}"""
    app = await call.app_for(call.query("app"))
    return json_answer(await _answer(call, app, await call.gate.users.get(app, name_in_path(call))))


async def page(call: Call) -> web.Response:
    """GET /v1/users"""
    app = await call.app_for(call.query("app"))
    limit = call.page_limit()
    found = await call.gate.users.page(app, after=_after(call), limit=limit + 1)
    shown = [await _answer(call, app, one) for one in found[:limit]]
    return json_answer(UserPage(shown, _cursor(found[limit - 1].name) if len(found) > limit else None))


async def bulk(call: Call) -> web.Response:
    """POST /v1/users/bulk"""
    wanted = bodies.decode(call.body, _BULK, is_final=False)
    app = await call.app_for(wanted.app or call.query("app"))
    read = [_read(bytes(raw), at, now=call.now()) for at, raw in enumerate(wanted.users)]
    wishes = [one for one in read if isinstance(one, Wish)]
    results = iter(await call.gate.users.change_many(app, wishes, now=call.now()) if wishes else [])
    data: list[BulkResult] = []
    for at, one in enumerate(read):
        if isinstance(one, GatewayError):
            data.append(_refused(call, one))
            continue
        result = next(results)
        if result.fault is not None:
            result.fault.param = f"users[{at}].{result.fault.param}"
            data.append(_refused(call, result.fault))
        else:
            status = HTTPStatus.CREATED if result.is_new else HTTPStatus.OK
            data.append(BulkResult(status=status, external_id=one.name))
    accepted = sum(one.error is None for one in data)
    return json_answer(BulkAnswer(accepted=accepted, refused=len(data) - accepted, data=data))


def _read(raw: bytes, at: int, *, now: datetime) -> Wish | GatewayError:
    try:
        row: UserRow = bodies.decode(raw, _ROW)
        return Wish(check_external_id(row.external_id, param="external_id"), change_of(row, is_whole=False, now=now))
    except GatewayError as fault:
        fault.param = f"users[{at}]" + (f".{fault.param}" if fault.param else "")
        return fault


def _refused(call: Call, fault: GatewayError) -> BulkResult:
    return BulkResult(status=fault.status, error=error_body(fault, request_id=call.request_id, url=call.gate.url))


async def add_alias(call: Call) -> web.Response:
    """POST /v1/users/{external_id}/aliases"""
    wanted: AliasRequest = call.decode(_ALIAS)
    app = await call.app_for(wanted.app or call.query("app"))
    alias = check_external_id(wanted.alias, param="alias")
    return json_answer(await _answer(call, app, await call.gate.users.add_alias(app, name_in_path(call), alias)))


async def erase(call: Call) -> web.Response:
    """DELETE /v1/users/{external_id}"""
    app = await call.app_for(call.query("app"))
    await forget(call.services.database, app, name_in_path(call), actor=call.actor)
    return no_content()


async def export_one(call: Call) -> web.StreamResponse:
    """GET /v1/users/{external_id}/export"""
    app = await call.app_for(call.query("app"))
    services = call.services
    person = await call.gate.users.get(app, name_in_path(call))
    user = msgspec.json.encode(await _answer(call, app, person))
    pieces = told(services.database, app, person, services.transports, user=user, now=call.now())
    return await streamed(call, pieces, media="application/json")


def name_in_path(call: Call) -> str:
    """The person that the path names."""
    return check_external_id(call.request.match_info["external_id"], param="external_id")


async def _answer(call: Call, app: App, person: Person) -> UserAnswer:
    contact: Mapping[str, str] = {}
    if call.key is not None and {"manage", "admin"} & set(call.key.scopes):
        contact = await call.gate.users.contact(app, person)
    return answer_of(person, contact, now=call.now())


def answer_of(person: Person, contact: Mapping[str, str], *, now: datetime) -> UserAnswer:
    """A person as callers see them."""
    return UserAnswer(
        external_id=person.name,
        aliases=list(person.aliases),
        attributes=person.profile.attributes,
        tags=person.profile.tags,
        language=person.profile.language,
        timezone=person.profile.timezone,
        country=person.profile.country,
        email=contact.get("email"),
        phone=contact.get("phone"),
        preferences=choices_shown(person.profile.choices, now=now),
        subscriptions=[to_text("sub", one) for one in person.subscriptions],
        events={name: _counts(facts) for name, facts in sorted(person.events.items())},
        created_at=person.created_at,
        changed_at=person.changed_at,
    )


def _counts(facts: dict[str, Any]) -> EventCounts:
    return EventCounts(
        count=facts["n"],
        first=datetime.fromtimestamp(facts["first"], UTC),
        last=datetime.fromtimestamp(facts["last"], UTC),
        sum=facts["sum"],
    )


def _cursor(name: str) -> str:
    return encode_base64url(name.encode())


def _after(call: Call) -> str | None:
    cursor = call.cursor()
    if cursor is None:
        return None
    try:
        name = decode_base64url(cursor).decode()
    except ValueError:
        name = ""
    if not name or not name.isprintable():  # Postgres takes no NUL
        raise Invalid("field_invalid", "Give the `next` of the page before, unchanged.", param="after")
    return name
