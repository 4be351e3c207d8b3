"""`/v1/templates`: what messages say, kept under a name, and the message that is made from one."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.api import bodies
from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.contents import content_of
from gateway.api.schema.messages import MessageFields, SendRequest
from gateway.api.schema.templates import TemplateAnswer, TemplateChange, TemplatePage, TemplateRequest
from gateway.model.app import App
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.ids import from_text, new_id, to_text
from gateway.model.limits import TEMPLATES_PER_APP_MAX
from gateway.store import templates as store
from gateway.store.database import Database
from gateway.store.templates import StoredTemplate

_NEW: Final = decoder_of(TemplateRequest)
_CHANGE: Final = decoder_of(TemplateChange)
_MESSAGE: Final = decoder_of(SendRequest)
_EVERYBODY: Final = {"audience": {"all": True}}


async def page(call: Call) -> web.Response:
    """GET /v1/templates"""
    app = await call.app_for(call.query("app"))
    limit = call.page_limit()
    found = await store.page(call.services.database, app_id=app.id, after=call.cursor() or "", limit=limit + 1)
    following = found[limit - 1].name if len(found) > limit else None
    return json_answer(TemplatePage([_shown(one) for one in found[:limit]], following))


async def create(call: Call) -> web.Response:
    """POST /v1/templates"""
    wanted: TemplateRequest = call.decode(_NEW)
    app = await call.app_for(wanted.app)
    name, content = _name(wanted.name), _checked(call, app, wanted.content)
    db, number = call.services.database, new_id()
    made = await store.insert(
        db, app_id=app.id, template_id=number, name=name, content=content, total_max=TEMPLATES_PER_APP_MAX
    )
    if not made and await store.is_named(db, app_id=app.id, name=name):
        raise Conflict("name_taken", "There is a template of that name already.", param="name")
    if not made:
        raise Conflict("templates_too_many", f"The app has {TEMPLATES_PER_APP_MAX} templates, the most there may be.")
    return json_answer(_shown(await _found(db, app, number)), status=HTTPStatus.CREATED)


async def show(call: Call) -> web.Response:
    """GET /v1/templates/{id}"""
    app = await call.app_for(call.query("app"))
    return json_answer(_shown(await _found(call.services.database, app, call.path_id("tpl", "template"))))


async def change(call: Call) -> web.Response:
    """PATCH /v1/templates/{id}"""
    wanted: TemplateChange = call.decode(_CHANGE)
    app = await call.app_for(call.query("app"))
    number, db = call.path_id("tpl", "template"), call.services.database
    name = None if wanted.name is None else _name(wanted.name)
    content = None if wanted.content is None else _checked(call, app, wanted.content)
    changed = await store.update(db, app_id=app.id, template_id=number, name=name, content=content)
    if changed is None:
        await _found(db, app, number)
        raise Conflict("name_taken", "There is a template of that name already.", param="name")
    return json_answer(_shown(changed))


async def delete(call: Call) -> web.Response:
    """DELETE /v1/templates/{id}"""
    app = await call.app_for(call.query("app"))
    if not await store.delete(call.services.database, app_id=app.id, template_id=call.path_id("tpl", "template")):
        raise NotFound("template")
    return no_content()


async def from_template(
    db: Database, app: App, request: MessageFields, body: bytes, *, prefix: str = ""
) -> MessageFields:
    """The message with what its template says where it says nothing itself; `body` is the request as it came.

    Variables of both are joined, the message's go first. Raises `Invalid` with `prefix` before the path.
    """
    if request.template is None:
        return request
    number = from_text("tpl", request.template)
    found = None if number is None else await store.get(db, app_id=app.id, template_id=number)
    if found is None:
        raise Invalid("template_unknown", "The app has no template of that id.", param=f"{prefix}template")
    given: dict[str, Any] = msgspec.json.decode(body)
    joined = {**found.content, **given}
    joined["variables"] = {**found.content.get("variables", {}), **given.get("variables", {})}
    return bodies.decode(msgspec.json.encode(joined), _MESSAGE, prefix=prefix)


def _checked(call: Call, app: App, content: Any) -> dict[str, Any]:
    """The fields as they are stored, if they would make a message. Raises `Invalid` with `content.` before the path."""
    fields: dict[str, Any] = msgspec.to_builtins(content)
    message = bodies.decode(msgspec.json.encode({**_EVERYBODY, **fields}), _MESSAGE, prefix="content.")
    try:
        made = content_of(message, app)
        for name, extra in made.extra.items():
            call.services.transports[name].check_extra(extra)
    except Invalid as fault:
        fault.param = f"content.{fault.param}" if fault.param else "content"
        raise
    return fields


def _name(text: str) -> str:
    name = text.strip()
    if not name or not name.isprintable():
        raise Invalid("field_invalid", "A name has printable characters only.", param="name")
    return name


async def _found(db: Database, app: App, number: int) -> StoredTemplate:
    found = await store.get(db, app_id=app.id, template_id=number)
    if found is None:
        raise NotFound("template")
    return found


def _shown(one: StoredTemplate) -> TemplateAnswer:
    return TemplateAnswer(
        id=to_text("tpl", one.id),
        name=one.name,
        content=one.content,
        created_at=one.created_at,
        changed_at=one.changed_at,
    )
