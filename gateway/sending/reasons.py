"""What holds back, or leaves out, one recipient of a message at this moment: the rules of `delivery.rules`, told again.

Each function stands beside a rule and asks the same pure policy, with what is known of one device. They decide nothing:
a rule that takes something (a place under a cap, a code) takes nothing here. A new rule adds its function to `REASONS`.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.model.cap import own_windows_of, windows_of
from gateway.model.choices import is_channel_off, paused_until_s
from gateway.model.limits import TTL_S_MAX
from gateway.model.reason_words import sentence
from gateway.policy.caps import Kind, Seen, frees_at_s
from gateway.policy.holdout import is_held_out, seed_of_app, seed_of_message
from gateway.policy.recent import reached
from gateway.sending.asked import Asked, Reason
from gateway.sending.explain import verdict_of
from gateway.sending.reasons_timing import at_night, own_hour
from gateway.store import persons, pressure
from gateway.store.subscriptions import bucket_of


async def excluded(asked: Asked) -> Reason | None:
    """As `delivery.rules.excluded`."""
    exclude = asked.message.audience.exclude
    planned_at = asked.message.planned_at or asked.now
    if exclude is None or not verdict_of(asked.device, exclude, asked.names, now=planned_at).is_in:
        return None
    return Reason("excluded", "They are among those whom the message excludes.")


async def held_out(asked: Asked) -> Reason | None:
    """As `delivery.rules.holdout`."""
    terms, device = asked.message.terms, asked.device
    if terms.category != "marketing":
        return None
    shares = (
        (seed_of_app(asked.app.public_id), asked.app.own.holdout_percent, "the app's control group"),
        (seed_of_message(asked.message.id), terms.holdout_percent, "the message's own control group"),
    )
    for seed, percent, group in shares:
        if is_held_out(device.person, device.id, seed=seed, percent=percent):
            return Reason("holdout", f"They are in {group} ({percent:g} percent), which gets no marketing.")
    return None


async def chosen(asked: Asked) -> Reason | None:
    """As `delivery.rules.chosen`."""
    device = asked.device
    if asked.message.terms.category != "marketing":
        return None
    until_s = paused_until_s(device.attrs, device.facts)
    if until_s > asked.now.timestamp():
        return Reason("own_pause", sentence("skipped", "own_pause"), datetime.fromtimestamp(until_s, UTC))
    if is_channel_off(device.provider, device.attrs, device.facts):
        return Reason("channel_off", sentence("skipped", "channel_off"))
    return None


async def capped(asked: Asked) -> Reason | None:
    """As `delivery.rules.caps`, counted from what the store knows: what is on its way this second is not in it."""
    terms = asked.message.terms
    if terms.category != "marketing" or not terms.obeys_caps:
        return None
    windows = (*windows_of(asked.app.own.caps or ()), *own_windows_of(asked.device.facts, asked.device.attrs))
    if not windows:
        return None
    since = asked.now - timedelta(seconds=max(window.per_s for window in windows))
    frees_at = frees_at_s(windows, await _seen(asked, since), now_s=asked.now.timestamp())
    if frees_at is None:
        return None
    until = datetime.fromtimestamp(frees_at, UTC)
    return Reason("capped", "They had as many messages as the frequency caps allow.", until)


async def _seen(asked: Asked, since: datetime) -> list[Seen]:
    """What came to the person's devices, or to this one where it is nobody's."""
    app, person = asked.app, asked.device.person
    ids = {asked.device.id}
    if person is not None:
        ids.update((await persons.subscriptions_of(asked.db, app, [person])).get(person, ()))
    oldest = (since - timedelta(seconds=TTL_S_MAX)).date()
    settled = pressure.Since([Kind.MARKETING, Kind.TRANSACTIONAL], since, oldest)
    found: list[Seen] = []
    for one in sorted(ids):
        bucket = bucket_of(app, one)
        rows = await pressure.recent(asked.db, (app.id, bucket), (one, one), settled)
        found += [
            Seen(row.message_id, row.at.timestamp(), Kind(row.category))
            for row in rows
            if row.message_id != asked.message.id and reached(row.ids, row.codes, within=(one, one))
        ]
    return found


REASONS: Final[tuple[Callable[[Asked], Awaitable[Reason | None]], ...]] = (
    excluded,
    held_out,
    chosen,
    own_hour,
    at_night,
    capped,
)
"""In the order in which the rules are asked."""


async def reasons_of(asked: Asked) -> list[Reason]:
    """Everything that would keep the message from this recipient at the moment."""
    found = [await reason(asked) for reason in REASONS]
    return [one for one in found if one is not None]
