"""The `schedule` of a request: when its message is due, and what is said of the hour of each person."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from gateway.api.schema.messages import RecurringRequest, ScheduleRequest
from gateway.model.app import App
from gateway.model.errors import Invalid
from gateway.model.limits import SCHEDULE_DAYS_MAX, SCHEDULE_PAST_S_MAX
from gateway.model.quiet_hours import minutes
from gateway.model.schedule import Recurring, Timing
from gateway.model.terms import Category
from gateway.model.timezone import is_timezone
from gateway.policy.appointment import respects_quiet
from gateway.policy.local_time import earliest
from gateway.policy.recurrence import check_rule, next_occurrence
from gateway.policy.series import begins_at
from gateway.policy.wall_clock import moment_at

_SECOND = timedelta(seconds=1)
_NOTHING = Timing()


class When(msgspec.Struct, frozen=True):
    """When an order is to be planned (None: at once), and its timing."""

    due_at: datetime | None
    timing: Timing


def when_of(schedule: ScheduleRequest | None, category: Category, app: App, now: datetime) -> When:
    """What a schedule means. Raises `Invalid` with the dotted path of the field at fault."""
    if schedule is None:
        return When(None, _NOTHING)
    _check_together(schedule, category)
    at = None if schedule.at is None else due_at_of(schedule.at, now)
    timing = Timing(
        local_time=schedule.local_time,
        day=None if schedule.local_time is None or schedule.at is None else schedule.at.date().isoformat(),
        best_time=schedule.best_time,
        until=_checked_until(schedule, now),
        past=schedule.past,
        quiet=schedule.quiet,
        on_quiet=schedule.on_quiet,
    )
    if schedule.recurring is not None:
        return _series(schedule.recurring, schedule, timing, app, now)
    if timing.local_time is not None and timing.day is not None:
        at = earliest(minutes(timing.local_time), date.fromisoformat(timing.day))
    return When(at if at is not None and at > now else None, timing)


def _check_together(schedule: ScheduleRequest, category: Category) -> None:
    """Fields that contradict each other, and fields that would do nothing."""
    if schedule.best_time and schedule.local_time is not None:
        raise _fault("A message goes out at one local hour or at each person's best one.", "best_time")
    if schedule.past != "tomorrow" and schedule.local_time is None:
        raise _fault("It says what becomes of a local hour that has passed; there is no `local_time`.", "past")
    if schedule.on_quiet != "hold" and not respects_quiet(Timing(quiet=schedule.quiet), category):
        raise _fault("This message ignores quiet hours: say `quiet` as well.", "on_quiet")
    if schedule.recurring is not None and schedule.until is not None:
        raise _fault("A series ends by `recurring.ends`, each of its messages by `ttl`.", "until")


def due_at_of(at: datetime, now: datetime) -> datetime | None:
    """When to send; None for at once. Raises `Invalid` for what is long past or too far ahead."""
    if at < now - timedelta(seconds=SCHEDULE_PAST_S_MAX):
        raise _fault("The time to send at is in the past.", "at")
    if at > now + timedelta(days=SCHEDULE_DAYS_MAX):
        raise _fault(f"The time to send at is more than {SCHEDULE_DAYS_MAX} days ahead.", "at")
    return at if at > now else None


def _checked_until(schedule: ScheduleRequest, now: datetime) -> datetime | None:
    until = schedule.until
    if until is None:
        return None
    if until <= max(now, schedule.at or now):
        raise _fault("It ends before it begins.", "until")
    if until > now + timedelta(days=2 * SCHEDULE_DAYS_MAX):
        raise _fault(f"It is more than {2 * SCHEDULE_DAYS_MAX} days ahead.", "until")
    return until


def _series(recurring: RecurringRequest, schedule: ScheduleRequest, timing: Timing, app: App, now: datetime) -> When:
    series = _recurring(recurring, schedule, app, now)
    first = next_occurrence(series, after=max(now, series.starts_at) - _SECOND)
    if first is None:
        raise _fault("There is no occurrence to come.", "recurring.rule")
    series = msgspec.structs.replace(series, next_at=first)
    timing = msgspec.structs.replace(timing, day=None, recurring=series)
    return When(begins_at(timing, first), timing)


def _recurring(recurring: RecurringRequest, schedule: ScheduleRequest, app: App, now: datetime) -> Recurring:
    zone = recurring.timezone or app.own.timezone or "UTC"
    if not is_timezone(zone):
        raise _fault("A time zone is a name such as `Europe/Amsterdam`.", "recurring.timezone")
    for at, day in enumerate(recurring.exclude):
        try:
            date.fromisoformat(day)
        except ValueError:
            raise _fault("There is no such day.", f"recurring.exclude[{at}]") from None
    starts_at = schedule.at or now
    if schedule.local_time is not None:
        if "BYHOUR" in recurring.rule or "BYMINUTE" in recurring.rule or "HOURLY" in recurring.rule:
            raise _fault("The hour is each person's own: `local_time` says which.", "recurring.rule")
        day = starts_at.astimezone(ZoneInfo(zone)).date()
        starts_at = moment_at(day, minutes(schedule.local_time), ZoneInfo(zone))
    series = Recurring(
        rule=recurring.rule,
        timezone=zone,
        starts_at=starts_at.replace(second=0, microsecond=0),
        ends_at=recurring.ends,
        excluded=tuple(recurring.exclude),
    )
    check_rule(series, param="schedule.recurring.rule")
    return series


def _fault(why: str, field: str) -> Invalid:
    return Invalid("schedule_invalid", why, param=f"schedule.{field}")
