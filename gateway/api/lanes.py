"""`/v1/lanes`: which of an app's keys stand still or are slowed at which push service, and starting one again."""

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.api.answers import json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.schema.lanes import LaneAnswer, LanePage, LaneResume, LaneResumed
from gateway.model.errors import Invalid, NotFound
from gateway.model.ids import from_text, to_text
from gateway.model.limits import LANES_STANDING_MAX
from gateway.policy.pace import Slowdown
from gateway.policy.standstill import meaning_of
from gateway.store import audit, lanes
from gateway.store.lanes import LaneRow, ShownLane

_RESUME: Final = decoder_of(LaneResume)
_SCHEMES: Final = ("https://", "http://")
_RATE_DIGITS: Final = 2


async def page(call: Call) -> web.Response:
    """GET /v1/lanes"""
    named = call.query("app")
    app = None if call.app is None and named is None else await call.app_for(named)
    limit, skip = call.page_limit(), _skipped(call.cursor())
    at, found = await lanes.list_page(
        call.services.database, app_id=None if app is None else app.id, skip=skip, limit=limit + 1
    )
    following = str(skip + limit) if len(found) > limit else None
    return json_answer(LanePage([_answer(one, at) for one in found[:limit]], following))


async def resume(call: Call) -> web.Response:
    """POST /v1/lanes/resume"""
    wanted: LaneResume = call.decode(_RESUME)
    app = await call.app_for(call.query("app"))
    key = from_text("key", wanted.key)
    if key is None:
        raise Invalid("field_invalid", "Name the key as `key_...`.", param="key")
    async with call.services.database.transaction() as tx:
        origins = [scheme + wanted.host for scheme in _SCHEMES]
        if not await lanes.resume(tx, app_id=app.id, key=key, origins=origins):
            raise NotFound("lane that stands or is slowed", param="host")
        await audit.append(
            tx, app_id=app.id, actor=call.actor, action="lane_resumed", target=wanted.key, detail={"host": wanted.host}
        )
    return json_answer(LaneResumed(app=to_text("app", app.public_id), key=wanted.key, host=wanted.host))


def _skipped(cursor: str | None) -> int:
    """Rows of the pages before. The table is short and changes by the second: its places are as good as any mark."""
    if cursor is None:
        return 0
    if not cursor.isdigit() or int(cursor) > LANES_STANDING_MAX:
        raise Invalid("field_invalid", "Give the `next` of the page before, unchanged.", param="after")
    return int(cursor)


def _answer(shown: ShownLane, at: datetime) -> LaneAnswer:
    lane = shown.lane
    state = lanes.STATES[lane.state]
    reason = "site_limited" if lane.reason == "throttled" and lane.limited_at is not None else lane.reason
    return LaneAnswer(
        app=to_text("app", shown.app),
        key=None if shown.key is None else to_text("key", shown.key),
        channel=shown.provider,
        host=urlsplit(lane.origin).netloc,
        state=state,
        reason=reason,
        meaning=meaning_of(state=state, reason=reason),
        since=lane.changed_at,
        until=lane.until if lane.until > at else None,
        rate_per_s=_rate(lane),
    )


def _rate(lane: LaneRow) -> float | None:
    """The rate at this moment."""
    if (told := lane.slowed) is None:
        return None
    rate = Slowdown(told.rate, told.before, told.peak, told.in_s).at(0.0)
    return None if rate is None else round(rate, _RATE_DIGITS)
