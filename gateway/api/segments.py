"""`/v1/segments`: audiences saved under a name, used wherever an audience is."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.analytics.reports import audience_words
from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.estimate import counted
from gateway.api.lists import checked_name
from gateway.api.orders import audience_of
from gateway.api.schema.messages import AudienceRequest
from gateway.api.schema.segments import SegmentAnswer, SegmentChange, SegmentCount, SegmentPage, SegmentRequest
from gateway.model.app import App
from gateway.model.audience import SLUG, Audience
from gateway.model.errors import Invalid, NotFound
from gateway.model.segment import Segment
from gateway.sending import segments
from gateway.store import segments as store

_NEW: Final = decoder_of(SegmentRequest)
_CHANGE: Final = decoder_of(SegmentChange)


async def page(call: Call) -> web.Response:
    """GET /v1/segments"""
    app = await call.app_for(call.query("app"))
    after, limit = call.cursor(), call.page_limit()
    if after is not None and SLUG.fullmatch(after) is None:
        raise Invalid("field_invalid", "Give the `next` of the page before, unchanged.", param="after")
    found = await store.page(call.services.database, app.id, after=after, limit=limit + 1)
    answers = [await _answer(call, app, one) for one in found[:limit]]
    return json_answer(SegmentPage(answers, found[limit - 1].slug if len(found) > limit else None))


async def create(call: Call) -> web.Response:
    """POST /v1/segments"""
    wanted: SegmentRequest = call.decode(_NEW)
    app = await call.app_for(wanted.app or call.query("app"))
    name = checked_name(wanted.slug, wanted.name)
    made = await segments.create(call.services.database, app, wanted.slug, name, _audience(wanted.audience))
    return json_answer(await _answer(call, app, made), status=HTTPStatus.CREATED)


async def show(call: Call) -> web.Response:
    """GET /v1/segments/{slug}"""
    app = await call.app_for(call.query("app"))
    found = await store.get(call.services.database, app.id, _slug(call))
    if found is None:
        raise NotFound("segment")
    return json_answer(await _answer(call, app, found))


async def change(call: Call) -> web.Response:
    """PATCH /v1/segments/{slug}"""
    wanted: SegmentChange = call.decode(_CHANGE)
    app = await call.app_for(call.query("app"))
    slug = _slug(call)
    name = None if wanted.name is None else checked_name(slug, wanted.name)
    audience = None if wanted.audience is None else _audience(wanted.audience)
    changed = await segments.change(call.services.database, app, slug, name=name, audience=audience)
    return json_answer(await _answer(call, app, changed))


async def delete(call: Call) -> web.Response:
    """DELETE /v1/segments/{slug}"""
    app = await call.app_for(call.query("app"))
    await segments.delete(call.services.database, app, _slug(call))
    return no_content()


def _audience(request: AudienceRequest) -> Audience:
    """The selectors of a segment, checked."""
    for field in ("users", "subscriptions"):
        if getattr(request, field):
            raise Invalid(
                "field_invalid",
                "A segment names nobody one by one; that is what lists are for.",
                param=f"audience.{field}",
            )
    return audience_of(request)


def _slug(call: Call) -> str:
    slug = call.request.match_info["slug"]
    if SLUG.fullmatch(slug) is None:
        raise NotFound("segment")
    return slug


async def _count(call: Call, app: App, audience: Audience) -> SegmentCount:
    """How many are in it at the moment: from a sample, unless all are asked for."""
    found = await counted(call, app, audience)
    return SegmentCount(
        devices=found.devices.value, people=found.people.value, margin=found.devices.margin, exact=found.is_exact
    )


async def _answer(call: Call, app: App, segment: Segment) -> SegmentAnswer:
    return SegmentAnswer(
        slug=segment.slug,
        name=segment.name,
        audience=audience_words(segment.audience),
        version=segment.version,
        created_at=segment.created_at,
        changed_at=segment.changed_at,
        count=await _count(call, app, segment.audience) if call.flag("count") else None,
    )
