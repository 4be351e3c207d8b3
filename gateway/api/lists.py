"""`/v1/lists`: people and devices that a shop names, uploaded a line each."""

from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from gateway.api import bodies
from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.schema.lists import ListAnswer, ListCounts, ListPage, ListRequest
from gateway.api.transfers import pieces
from gateway.model.app import App
from gateway.model.audience import SLUG
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.limits import LISTS_PER_APP_MAX
from gateway.sending.segments import delete_list
from gateway.store import list_members, lists
from gateway.store.lists import StoredList
from gateway.subscribers.lists import Mode, import_lines
from gateway.subscribers.rows import lines_of

_NEW: Final = decoder_of(ListRequest)
_MODES: Final[dict[str, Mode]] = {"add": "add", "remove": "remove", "replace": "replace"}


async def page(call: Call) -> web.Response:
    """GET /v1/lists"""
    app = await call.app_for(call.query("app"))
    found = await lists.list_of_app(call.services.database, app.id)
    return json_answer(ListPage([_answer(one) for one in found], None))


async def create(call: Call) -> web.Response:
    """POST /v1/lists"""
    wanted: ListRequest = call.decode(_NEW)
    app = await call.app_for(wanted.app or call.query("app"))
    name = checked_name(wanted.slug, wanted.name)
    db = call.services.database
    if not await lists.insert(db, app.id, wanted.slug, name, total_max=LISTS_PER_APP_MAX):
        if await lists.get(db, app.id, wanted.slug) is None:
            raise Conflict("lists_too_many", f"The app has {LISTS_PER_APP_MAX} lists, the most there may be.")
        raise Conflict("name_taken", "There is a list of that slug already.", param="slug")
    return json_answer(_answer(await _list(call, app, wanted.slug)), status=HTTPStatus.CREATED)


async def show(call: Call) -> web.Response:
    """GET /v1/lists/{slug}"""
    app = await call.app_for(call.query("app"))
    found = await _list(call, app, call.request.match_info["slug"])
    if not call.flag("count"):
        return json_answer(_answer(found))
    db = call.services.database
    counts = ListCounts(
        users=await list_members.count_persons(db, app, found.number),
        devices=await list_members.count_devices(db, app, found.number),
    )
    return json_answer(msgspec.structs.replace(_answer(found), counts=counts))


async def delete(call: Call) -> web.Response:
    """DELETE /v1/lists/{slug}"""
    app = await call.app_for(call.query("app"))
    slug = call.request.match_info["slug"]
    if SLUG.fullmatch(slug) is None:
        raise NotFound("list")
    await delete_list(call.services.database, app, slug)
    return no_content()


async def load(call: Call) -> web.Response:
    """POST /v1/lists/{slug}/import"""
    app = await call.app_for(call.query("app"))
    bodies.check_head(call.request, None)
    mode = _MODES.get(call.query("mode") or "add")
    if mode is None:
        raise Invalid("field_invalid", f"A mode is one of: {', '.join(_MODES)}.", param="mode")
    form = "ndjson" if "ndjson" in call.request.content_type else "csv"
    slug = (await _list(call, app, call.request.match_info["slug"])).slug
    lines = lines_of(pieces(call.request))
    return json_answer(await import_lines(call.services.database, app, slug, lines, form=form, mode=mode))


def checked_name(slug: str, name: str) -> str:
    """What people read of something that goes by a slug. Raises `Invalid` for either."""
    if SLUG.fullmatch(slug) is None:
        raise Invalid("field_invalid", "A slug has lower-case letters, digits, `.`, `-` and `_`.", param="slug")
    said = name.strip() or slug
    if not said.isprintable():
        raise Invalid("field_invalid", "A name has printable characters only.", param="name")
    return said


async def _list(call: Call, app: App, slug: str) -> StoredList:
    found = await lists.get(call.services.database, app.id, slug) if SLUG.fullmatch(slug) else None
    if found is None:
        raise NotFound("list")
    return found


def _answer(one: StoredList) -> ListAnswer:
    return ListAnswer(slug=one.slug, name=one.name, created_at=one.created_at, imported_at=one.imported_at)
