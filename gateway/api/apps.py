"""`/v1/apps`: made and ended by the operator, read and changed by their own keys."""

from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.schema.apps import AppAnswer, AppChange, AppPage, AppRequest, CreatedApp, Stopped, StopRequest
from gateway.model.app import App
from gateway.model.errors import Invalid
from gateway.model.ids import from_text, to_text
from gateway.store import apps as store
from gateway.store import stops
from gateway.store.stops import Stop
from gateway.tenancy import apps
from gateway.tenancy.stopping import start_app, stop_app

_NEW: Final = decoder_of(AppRequest)
_CHANGE: Final = decoder_of(AppChange)
_STOP: Final = decoder_of(StopRequest)


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
    stopped = await stops.of_apps(call.services.database, [app.id for app in rows[:limit]])
    return json_answer(AppPage([app_answer(app, stopped.get(app.id)) for app in rows[:limit]], following))


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
    fields = msgspec.structs.asdict(app_answer(made.app))
    del fields["stopped"]
    answer = CreatedApp(
        **fields,
        vapid_public_key=made.vapid_public_key,
        vapid_key_id=None if key_id is None else to_text("key", key_id),
        api_key=made.api_key_text,
        snippet=made.snippet(call.gate.url),
    )
    return json_answer(answer, status=HTTPStatus.CREATED)


async def show(call: Call) -> web.Response:
    """GET /v1/apps/{id}"""
    return await _told(call, await app_in_path(call))


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
    return await _told(call, changed)


async def stop(call: Call) -> web.Response:
    """POST /v1/apps/{id}/stop"""
    app = await app_in_path(call)
    reason = call.decode(_STOP).reason if call.body else ""
    await stop_app(call.services.database, app, actor=call.actor, reason=reason)
    await call.services.stops.look(call.services.database)
    return await _told(call, app)


async def start(call: Call) -> web.Response:
    """POST /v1/apps/{id}/resume"""
    app = await app_in_path(call)
    await start_app(call.services.database, app, actor=call.actor)
    await call.services.stops.look(call.services.database)
    return await _told(call, app)


async def delete(call: Call) -> web.Response:
    """DELETE /v1/apps/{id}"""
    app = await app_in_path(call)
    await apps.delete_app(call.services.database, app, actor=call.actor)
    call.services.keyring.forget(app)
    return no_content()


async def app_in_path(call: Call) -> App:
    """The app that the path names, if the key may know of it."""
    return await call.app_for(call.request.match_info["id"])


async def _told(call: Call, app: App) -> web.Response:
    stopped = await stops.of_apps(call.services.database, [app.id])
    return json_answer(app_answer(app, stopped.get(app.id)))


def app_answer(app: App, stop: Stop | None = None) -> AppAnswer:
    """An app as callers see it."""
    return AppAnswer(
        id=to_text("app", app.public_id),
        name=app.name,
        origins=list(app.origins),
        link_hosts=list(app.link_hosts),
        subject=app.subject,
        settings=app.own,
        created_at=app.created_at,
        stopped=None if stop is None else Stopped(at=stop.stopped_at, by=stop.actor, reason=stop.reason),
    )
