"""`/v1/keys`: API keys of an app, or of the installation."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.schema.apps import IssuedKey, KeyAnswer, KeyPage, KeyRequest
from gateway.model.app import ApiKey, App
from gateway.model.ids import to_text
from gateway.store import api_keys as store
from gateway.tenancy import api_keys

_NEW: Final = decoder_of(KeyRequest)


async def page(call: Call) -> web.Response:
    """GET /v1/keys"""
    app = await _app(call, call.query("app"))
    found = await store.list_of_app(call.services.database, None if app is None else app.id)
    return json_answer(KeyPage([_key_answer(key, app) for key in found], None))


async def create(call: Call) -> web.Response:
    """POST /v1/keys"""
    wanted: KeyRequest = call.decode(_NEW)
    app = await _app(call, wanted.app)
    issued = await api_keys.issue(
        call.services.database,
        app_id=None if app is None else app.id,
        name=wanted.name,
        scopes=wanted.scopes,
        actor=call.actor,
        expires_at=wanted.expires_at,
    )
    key = issued.key
    answer = IssuedKey(
        id=to_text("key", key.id),
        app=_app_text(app),
        name=key.name,
        scopes=list(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        key=issued.text,
    )
    return json_answer(answer, status=HTTPStatus.CREATED)


async def revoke(call: Call) -> web.Response:
    """DELETE /v1/keys/{id}"""
    app = await _app(call, call.query("app"))
    number = call.path_id("key", "API key")
    await api_keys.revoke(
        call.services.database, app_id=None if app is None else app.id, key_id=number, actor=call.actor
    )
    call.services.api_keys.forget(number)
    return no_content()


async def _app(call: Call, named: str | None) -> App | None:
    """The app whose keys are meant; None with a key of the installation that names none: the installation's own."""
    if call.app is None and named is None:
        return None
    return await call.app_for(named)


def _app_text(app: App | None) -> str | None:
    return None if app is None else to_text("app", app.public_id)


def _key_answer(key: ApiKey, app: App | None) -> KeyAnswer:
    return KeyAnswer(
        id=to_text("key", key.id),
        app=_app_text(app),
        name=key.name,
        scopes=list(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
        key=api_keys.publishable_text(key.id) if key.is_publishable else None,
    )
