"""Where a message's link leads one device: the same as when it was sent, made from the message that is stored.

Variant and coupon are those of the device. Whatever cannot be made any more, or may not be led to any more, leads to
the shop's front page: nobody who follows a link of the shop ends up nowhere, or elsewhere.
"""

from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.delivery import Device
from gateway.model.errors import Invalid
from gateway.model.ids import bucket_of_id, bucket_of_text
from gateway.model.message import Content, Message
from gateway.model.variant import REST_ARM
from gateway.policy.links import check_link
from gateway.policy.liquid import TextUnmade
from gateway.policy.owners import owner_of
from gateway.policy.personalise import said_to
from gateway.policy.receipt_token import ReceiptClaim
from gateway.policy.variants import content_of
from gateway.policy.wording import NOBODY, about_message, wording_of
from gateway.store import audiences, coupon_given, experiments, messages
from gateway.store.database import Queryable


class Target(msgspec.Struct, frozen=True):
    """Where it leads, and the button that it belongs to, if it is a button's."""

    url: str
    action: str = ""


async def target_of(db: Queryable, app: App, claim: ReceiptClaim, *, place: int) -> Target | None:
    """Where the link leads; None where not even the shop's front page is known.

    place: 0 for the message's own link, from 1 on for those of its buttons.
    """
    stored = await messages.get(db, app_id=app.id, message_id=claim.message_id)
    said = None if stored is None else await _said(db, app, stored.on_its_way(), claim)
    found = None if said is None else _link(said, place)
    if found is not None and _may_lead(app, found.url):
        return found
    action = "" if found is None else found.action
    return Target(f"{app.origins[0]}/", action) if app.origins else None


def _link(content: Content, place: int) -> Target | None:
    if place == 0:
        return Target(content.url)
    if place > len(content.actions):
        return None
    action = content.actions[place - 1]
    return Target(action.url, action.id)


def _may_lead(app: App, url: str) -> bool:
    """Whether it leads to one of the app's hosts still: one may have been taken off the list since."""
    try:
        check_link(url, hosts=app.allowed_hosts, param="url")
    except Invalid:
        return False
    return True


async def _said(db: Queryable, app: App, message: Message, claim: ReceiptClaim) -> Content | None:
    """The message as this device got it; None where that cannot be made any more."""
    content = await _variant(db, app, message, claim.arm)
    device = await _device(db, app, message, claim.subscription_id)
    about = about_message(message.id, message.planned_at, message.terms.category)
    try:
        return None if content is None else said_to(content, wording_of(app, content, about), device)
    except (TextUnmade, Invalid):
        return None


async def _variant(db: Queryable, app: App, message: Message, arm: int) -> Content | None:
    variants = message.terms.variants
    place = await experiments.winner(db, app_id=app.id, message_id=message.id) if arm == REST_ARM else arm - 1
    if arm == 0 or not variants:
        return message.content
    return None if place is None or place >= len(variants) else content_of(message.content, variants[place])


async def _device(db: Queryable, app: App, message: Message, number: int) -> Device:
    """What is known of the device, with the code it got; nobody where it has left."""
    bucket = bucket_of_id(number, home=app.home, spread=app.spread)
    found = await audiences.devices(db, app_id=app.id, buckets=[bucket], ids=[number], reads_person=True)
    device = found.get(number, NOBODY)
    given = await _given(db, app, message, owner_of(device.person, number))
    return msgspec.structs.replace(device, given=given)


async def _given(db: Queryable, app: App, message: Message, owner: str) -> dict[str, Any]:
    if message.terms.coupon is None:
        return {}
    bucket = bucket_of_text(owner.encode(), home=app.home, spread=app.spread)
    held = await coupon_given.of_owners(db, app_id=app.id, buckets=[bucket], message_id=message.id, owners=[owner])
    return {"coupon": {"code": held[owner].code, "expires_at": None}} if owner in held else {}
