"""`/v1/apps/{id}/credentials`: an app's keys at its providers. Private halves come in and never go out."""

from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from gateway.api.answers import json_answer, no_content
from gateway.api.apps import app_in_path
from gateway.api.call import Call, decoder_of
from gateway.api.schema.apps import (
    CredentialAnswer,
    CredentialPage,
    CredentialRequest,
    KeyMeterAnswer,
    KeyMeterPage,
    RotateRequest,
)
from gateway.model.ids import to_text
from gateway.store import credentials as store
from gateway.store.credentials import StoredCredential
from gateway.tenancy import credentials, key_meter
from gateway.tenancy.key_meter import KeyReading

_NEW: Final = decoder_of(CredentialRequest)
_ROTATE: Final = decoder_of(RotateRequest)


async def page(call: Call) -> web.Response:
    """GET /v1/apps/{id}/credentials"""
    app = await app_in_path(call)
    found = await store.list_of_app(call.services.database, app.id)
    return json_answer(CredentialPage([_answer(one) for one in found], None))


async def load(call: Call) -> web.Response:
    """POST /v1/apps/{id}/credentials"""
    app = await app_in_path(call)
    wanted: CredentialRequest = call.decode(_NEW)
    services = call.services
    given = wanted.private_key
    raw = given if isinstance(given, str) else msgspec.json.encode(given).decode()
    made = await credentials.load(
        services.database, services.vault, app, wanted.channel, raw,
        actor=call.actor, is_current=wanted.current,
    )  # fmt: skip
    services.keyring.forget(app)
    return json_answer(_answer(made), status=HTTPStatus.CREATED)


async def rotate(call: Call) -> web.Response:
    """POST /v1/apps/{id}/credentials/rotate"""
    app = await app_in_path(call)
    wanted: RotateRequest = call.decode(_ROTATE)
    services = call.services
    made = await credentials.rotate(services.database, services.vault, app, wanted.channel, actor=call.actor)
    services.keyring.forget(app)
    return json_answer(_answer(made), status=HTTPStatus.CREATED)


async def meter(call: Call) -> web.Response:
    """GET /v1/apps/{id}/credentials/meter"""
    app = await app_in_path(call)
    readings = await key_meter.read(call.services.database, app, now=call.now())
    return json_answer(KeyMeterPage([_reading(one) for one in readings], None))


async def retire(call: Call) -> web.Response:
    """DELETE /v1/apps/{id}/credentials/{key}"""
    app = await app_in_path(call)
    public_id = credentials.parse_credential_id(call.request.match_info["key"])
    force = call.flag("force")
    await credentials.retire(
        call.services.database, app, public_id, actor=call.actor, now=call.now(), force=force
    )  # fmt: skip
    call.services.keyring.forget(app)
    return no_content()


def _reading(one: KeyReading) -> KeyMeterAnswer:
    return KeyMeterAnswer(
        id=to_text("key", one.key.public_id),
        channel=one.key.provider,
        current=one.key.is_current,
        current_at=one.key.current_at,
        devices=one.devices,
        share=one.share,
        came_over=one.came_over,
        last_seen_at=one.last_seen_at,
        may_retire_at=one.may_retire_at,
    )


def _answer(one: StoredCredential) -> CredentialAnswer:
    return CredentialAnswer(
        id=to_text("key", one.public_id),
        channel=one.provider,
        public=one.public,
        current=one.is_current,
        created_at=one.created_at,
        retired_at=one.retired_at,
    )
