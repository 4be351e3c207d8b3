"""`/v1/apps`: made and ended by the operator, read and changed by their own keys."""

from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.schema.apps import AppAnswer, AppChange, AppPage, AppRequest, CreatedApp
from gateway.model.app import App
from gateway.model.errors import Invalid
from gateway.model.ids import from_text, to_text
from gateway.store import apps as store
from gateway.tenancy import apps

_NEW: Final = decoder_of(AppRequest)
_CHANGE: Final = decoder_of(AppChange)


async def page(call: Call) -> web.Response:
    """GET /v1/apps"""
    limit = call.page_limit()
    cursor = call.cursor()
    after = 0
    if cursor is not None:
        last = from_text("app", cursor)
        found = None if last is None else await store.get_by_public_id(call.services.database, last)
        if found is None:
            raise Invalid("field_invalid", "Give the `next` of the page before, unchanged.", param="after")
        after = found.id
    rows = await store.list_page(call.services.database, after, limit + 1)
    following = to_text("app", rows[limit - 1].public_id) if len(rows) > limit else None
    return json_answer(AppPage([app_answer(app) for app in rows[:limit]], following))


async def create(call: Call) -> web.Response:
    """POST /v1/apps"""
    wanted: AppRequest = call.decode(_NEW)
    made = await apps.create_app(
        call.services.database,
        call.services.vault,
        name=wanted.name,
        origins=wanted.origins,
        link_hosts=wanted.link_hosts,
        subject=wanted.subject or call.services.settings.vapid_subject,
        settings=wanted.settings,
        actor=call.actor,
    )
    call.services.keyring.forget(made.app)
    key_id = made.vapid_key_public_id
    answer = CreatedApp(
        **msgspec.structs.asdict(app_answer(made.app)),
        vapid_public_key=made.vapid_public_key,
        vapid_key_id=None if key_id is None else to_text("key", key_id),
        api_key=made.api_key_text,
        snippet=made.snippet(call.gate.url),
    )
    return json_answer(answer, status=HTTPStatus.CREATED)


async def show(call: Call) -> web.Response:
    """GET /v1/apps/{id}"""
    return json_answer(app_answer(await app_in_path(call)))


async def change(call: Call) -> web.Response:
    """PATCH /v1/apps/{id}"""
    app = await app_in_path(call)
    wanted: AppChange = call.decode(_CHANGE)
    changed = await apps.change_app(
        call.services.database,
        app,
        actor=call.actor,
        name=wanted.name,
        origins=wanted.origins,
        link_hosts=wanted.link_hosts,
        subject=wanted.subject,
        settings=wanted.settings,
    )
    call.services.keyring.forget(app)
    return json_answer(app_answer(changed))


async def delete(call: Call) -> web.Response:
    """DELETE /v1/apps/{id}"""
    app = await app_in_path(call)
    await apps.delete_app(call.services.database, app, actor=call.actor)
    call.services.keyring.forget(app)
    return no_content()


async def app_in_path(call: Call) -> App:
    """The app that the path names, if the key may know of it."""
    return await call.app_for(call.request.match_info["id"])


def app_answer(app: App) -> AppAnswer:
    """An app as callers see it."""
    return AppAnswer(
        id=to_text("app", app.public_id),
        name=app.name,
        origins=list(app.origins),
        link_hosts=list(app.link_hosts),
        subject=app.subject,
        settings=app.own,
        created_at=app.created_at,
    )
