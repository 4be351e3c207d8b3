"""`/v1/topics`: what devices may follow."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.schema.apps import TopicAnswer, TopicPage, TopicRequest
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.limits import TOPICS_PER_APP_MAX
from gateway.model.slug import SLUG
from gateway.store import topics as store

_NEW: Final = decoder_of(TopicRequest)


async def page(call: Call) -> web.Response:
    """GET /v1/topics"""
    app = await call.app_for(call.query("app"))
    found = await store.list_of_app(call.services.database, app.id)
    return json_answer(
        TopicPage([TopicAnswer(slug=one.slug, name=one.name, created_at=one.created_at) for one in found], None)
    )


async def create(call: Call) -> web.Response:
    """POST /v1/topics"""
    wanted: TopicRequest = call.decode(_NEW)
    app = await call.app_for(wanted.app)
    if SLUG.fullmatch(wanted.slug) is None:
        raise Invalid("field_invalid", "A slug has lower-case letters, digits, `.`, `-` and `_`.", param="slug")
    name = wanted.name.strip() or wanted.slug
    if not name.isprintable():
        raise Invalid("field_invalid", "A name has printable characters only.", param="name")
    db = call.services.database
    made = await store.insert_missing(db, app.id, [wanted.slug], total_max=TOPICS_PER_APP_MAX, name=name)
    found = next((one for one in await store.list_of_app(db, app.id) if one.slug == wanted.slug), None)
    if found is None:
        raise Conflict("topics_too_many", f"The app has {TOPICS_PER_APP_MAX} topics, the most there may be.")
    if not made:
        raise Conflict("name_taken", "There is a topic of that slug already.", param="slug")
    return json_answer(
        TopicAnswer(slug=found.slug, name=found.name, created_at=found.created_at), status=HTTPStatus.CREATED
    )


async def delete(call: Call) -> web.Response:
    """DELETE /v1/topics/{slug}"""
    app = await call.app_for(call.query("app"))
    slug = call.request.match_info["slug"]
    if SLUG.fullmatch(slug) is None or not await store.delete(call.services.database, app.id, slug):
        raise NotFound("topic")
    return no_content()
