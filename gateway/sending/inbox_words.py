"""What a message in the inbox says to its reader: made when it is read, by what is known of them then."""

from datetime import datetime
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.coupon import CouponTerm
from gateway.model.delivery import Device
from gateway.model.errors import Invalid
from gateway.model.ids import bucket_of_text
from gateway.model.language import text_in
from gateway.model.message import Action, Content
from gateway.policy.links import check_link
from gateway.policy.liquid import TextUnmade
from gateway.policy.personalise import said_to
from gateway.policy.scope import locale_of
from gateway.policy.variants import content_of, drawn, is_tested, variant_of
from gateway.policy.wording import about_message, wording_of
from gateway.sending.inbox_arrivals import Arrival
from gateway.store import coupon_codes, coupon_given, coupon_pools, experiments
from gateway.store.database import Queryable


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The texts, in one language, with links that lead where they may and nowhere else."""

    title: str
    body: str
    url: str
    icon: str
    image: str
    actions: tuple[Action, ...]
    data: dict[str, Any]


async def said(db: Queryable, app: App, arrival: Arrival, device: Device) -> Said | None:
    """What the message says; None where it has nothing to say to this reader, who then does not find it."""
    content = await _variant(db, app, arrival)
    given = await _given(db, app, arrival)
    if content is None or given is None:
        return None
    message = arrival.message
    about = about_message(message.id, message.planned_at, message.terms.category)
    try:
        made = said_to(content, wording_of(app, content, about), msgspec.structs.replace(device, given=given))
    except (TextUnmade, Invalid):
        return None
    return _plain(app, made, locale_of(device) or app.own.language or "")


async def _variant(db: Queryable, app: App, arrival: Arrival) -> Content | None:
    """The content of the reader's variant; None while it is still being found out which the best one is."""
    message, terms = arrival.message, arrival.message.terms
    if not terms.variants:
        return message.content
    draw = drawn(message.id, arrival.owner)
    is_rest = arrival.is_rest if arrival.is_sent else not is_tested(draw, terms.experiment)
    if is_rest:
        place = await experiments.winner(db, app_id=app.id, message_id=message.id)
    else:
        place = variant_of(draw, [variant.weight for variant in terms.variants])
    return None if place is None else content_of(message.content, terms.variants[place])


async def _given(db: Queryable, app: App, arrival: Arrival) -> dict[str, Any] | None:
    """The code that came with it. Reading gives none: whoever got none reads a message without, or not at all."""
    term = arrival.message.terms.coupon
    if term is None:
        return {}
    code = await _code(db, app, arrival, term)
    if code is not None:
        return {"coupon": code}
    return {} if arrival.is_sent or term.on_empty == "send" else None


async def _code(db: Queryable, app: App, arrival: Arrival, term: CouponTerm) -> dict[str, Any] | None:
    bucket = bucket_of_text(arrival.owner.encode(), home=app.home, spread=app.spread)
    held = await coupon_given.of_owners(
        db, app_id=app.id, buckets=[bucket], message_id=arrival.message.id, owners=[arrival.owner]
    )
    given = held.get(arrival.owner)
    if given is None:
        return None
    found = await coupon_codes.find(db, app_id=app.id, bucket=given.code_bucket, pool_id=given.pool_id, code=given.code)
    pool = await coupon_pools.by_slug(db, app_id=app.id, slug=term.pool)
    ends: list[datetime | None] = [None if found is None else found[1], None if pool is None else pool.expires_at]
    expires_at = next((one for one in ends if one is not None), None)
    return {"code": given.code, "expires_at": None if expires_at is None else expires_at.isoformat()}


def _plain(app: App, content: Content, locale: str) -> Said:
    return Said(
        title=text_in(content.title, locale),
        body=text_in(content.body, locale),
        url=_allowed(app, content.url),
        icon=content.icon,
        image=content.image,
        actions=tuple(
            msgspec.structs.replace(action, url=_allowed(app, action.url), icon="") for action in content.actions
        ),
        data=content.data,
    )


def _allowed(app: App, url: str) -> str:
    """The link, if its host is on the app's list still: it may have been taken off since the message was sent."""
    try:
        check_link(url, hosts=app.allowed_hosts, param="url")
    except Invalid:
        return ""
    return url
