"""Why not now, where it is the hour: as `delivery.rules.hours` and `delivery.rules.quiet`, for one device."""

from gateway.model.choices import quiet_chosen
from gateway.policy.appointment import Calendar, is_early, open_at, respects_quiet, wanted_at
from gateway.policy.zones import Place, place_of
from gateway.sending.asked import Asked, Reason


async def own_hour(asked: Asked) -> Reason | None:
    """As `delivery.rules.hours`."""
    timing = asked.message.terms.timing
    if timing.local_time is None:
        return None
    base = asked.message.planned_at or asked.now
    wanted = wanted_at(Calendar(timing=timing, quiet=None, base=base), _place(asked))
    if wanted is None:
        return Reason("late", "Their hour had passed when the message was planned.")
    if not is_early(wanted, asked.now):
        return None
    return Reason("local_time", "It waits for the message's hour where they are.", wanted)


async def at_night(asked: Asked) -> Reason | None:
    """As `delivery.rules.quiet`."""
    terms = asked.message.terms
    if not respects_quiet(terms.timing, terms.category):
        return None
    calendar = Calendar(timing=terms.timing, quiet=asked.app.own.quiet_hours, base=asked.now)
    chosen = quiet_chosen(asked.device.attrs, asked.device.facts)
    opens = open_at(calendar, _place(asked), asked.now, chosen)
    if opens <= asked.now:
        return None
    return Reason("quiet", "It is night where this device is, or was when the message said not to wait.", opens)


def _place(asked: Asked) -> Place:
    device = asked.device
    return place_of(
        timezone=device.timezone,
        country=device.country,
        facts=device.facts,
        geo_timezone=device.geo_timezone,
        app_timezone=asked.app.own.timezone,
    )
