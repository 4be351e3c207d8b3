"""Writing to the ledger of consents, in the transaction that does what the record tells."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.consent import ConsentAct, ConsentRecord, How
from gateway.model.errors import Conflict
from gateway.model.ids import to_text
from gateway.model.limits import CONSENTS_PER_DEVICE_MAX
from gateway.model.subscriber import Subscription, SubscriptionState
from gateway.policy.consent_chain import FIRST, SALT_BYTES, sealed
from gateway.store import consents, subscriptions
from gateway.store.database import Queryable
from gateway.store.subscriptions import Change

_FROM_CONSENT = {"text": "text", "at": "said_at", "page": "page", "location": "location"}


class Occasion(msgspec.Struct, frozen=True):
    """When and in which way something is said, and on which page or origin where nothing closer is known."""

    now: datetime
    how: How = How.SERVER
    where: str = ""


async def note(
    db: Queryable,
    app: App,
    subscription_id: int,
    act: ConsentAct,
    occasion: Occasion,
    *,
    person: str | None,
    said: Mapping[str, Any],
    is_first: bool = False,
) -> None:
    """Adds a record. The caller's transaction holds the device's row.

    Raises `Conflict` for a device that has as many as it may have: whoever takes consent back always may.
    """
    seq, before = (0, FIRST) if is_first else await consents.last_of(db, app, subscription_id)
    if seq >= CONSENTS_PER_DEVICE_MAX and act is not ConsentAct.WITHDRAWN:
        raise Conflict("consents_too_many", f"The ledger takes {CONSENTS_PER_DEVICE_MAX} records of one device.")
    record = ConsentRecord(
        subscription_id=subscription_id,
        seq=seq + 1,
        act=act,
        how=occasion.how,
        at=occasion.now,
        person=person,
        said=dict(said),
        salt=secrets.token_bytes(SALT_BYTES),
        before=before,
        hash=b"",
    )
    await consents.add(db, app, sealed(record, app=to_text("app", app.public_id)))


async def take_back(db: Queryable, app: App, found: Subscription, occasion: Occasion) -> bool:
    """Ends a device, and writes that down for the device and its address; False where it had left before.

    In the transaction of the caller.
    """
    hashed = await subscriptions.end(db, app, found.id, SubscriptionState.LEFT)
    if hashed is None:
        return False
    await consents.withdraw(db, app, [hashed])
    said = said_of(None, occasion)
    await note(db, app, found.id, ConsentAct.WITHDRAWN, occasion, person=found.person, said=said)
    return True


def said_of(
    consent: Mapping[str, Any] | None, occasion: Occasion, *, topics: Sequence[str] | None = None
) -> dict[str, Any]:
    """What a record tells: which words were agreed to, when by the device's own clock, where, and for which topics."""
    given = msgspec.to_builtins(dict(consent or {}))
    said = {name: given[field] for field, name in _FROM_CONSENT.items() if given.get(field) not in (None, "")}
    if occasion.where:
        said.setdefault("page", occasion.where)
    if topics is not None:
        said["topics"] = sorted(topics)
    return said


def act_of(said: Change, held: Subscription) -> ConsentAct | None:
    """What a change is to the ledger; None: the device had agreed to the same before."""
    if said.consent is not None and msgspec.to_builtins(dict(said.consent)) != held.consent:
        return ConsentAct.GIVEN
    if said.topics is not None and set(said.topics) != set(held.topics):
        return ConsentAct.CHANGED
    return None
