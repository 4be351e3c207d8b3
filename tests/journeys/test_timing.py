"""When messages go out: hours of people's own, nights, series, and all of it at once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.policy.local_time import earliest
from gateway.policy.wall_clock import moment_at
from gateway.store import hours
from tests.chaos.processes import until
from tests.journeys.world import Device, Shop, World

QUIET = {"from": "21:00", "to": "09:00"}
CHANGES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
HOUR = timedelta(hours=1)


def next_night_of_change(zone: str, after: datetime) -> date:
    """The next day on which clocks in this zone are changed, a week ahead at least."""
    here = ZoneInfo(zone)
    day = (after + timedelta(days=7)).astimezone(here).date()
    while (
        moment_at(day, 0, here).astimezone(here).utcoffset()
        == moment_at(day, 23 * 60, here).astimezone(here).utcoffset()
    ):
        day += timedelta(days=1)
    return day


def next_at(world: World, hour: int, minute: int = 0, zone: str = "Europe/Berlin", *, days: int = 1) -> datetime:
    """This hour, some days from now, on the wall of a zone."""
    here = ZoneInfo(zone)
    return moment_at((world.clock.now() + timedelta(days=days)).astimezone(here).date(), hour * 60 + minute, here)


async def people(shop: Shop, *zones: str | None, **more: Any) -> list[Device]:
    """A device in each of these zones."""
    lines = [{**({} if zone is None else {"timezone": zone}), **more} for zone in zones]
    return await shop.devices(len(lines), lines=lines)


async def settled(shop: Shop, message: str, *, sent: int, pending: int) -> dict[str, Any]:
    """The message, once so many were sent and everybody else waits for a later hour."""

    async def is_so() -> dict[str, Any] | None:
        said = await shop.message(message)
        counts = said["counts"]
        at_work = await shop.world.db.fetchval(
            "SELECT count(*) FROM chunks WHERE state < 2 AND (state = 1 OR due_at <= now()) AND app_id = $1",
            shop.app.id,
        )
        return said if (counts["sent"], counts["pending"]) == (sent, pending) and not at_work else None

    said = await until(f"{sent} of {message} are sent", is_so, within_s=20)
    assert said is not None
    return said


@pytest.mark.parametrize("zone", CHANGES)
async def test_nobody_is_woken_in_a_night_of_clock_change(world: World, zone: str) -> None:
    """A campaign at half past eleven reaches nobody before nine on the wall, and everybody at nine."""
    shop = await world.shop(quiet_hours=QUIET)
    (device,) = await people(shop, zone)
    day = next_night_of_change(zone, world.clock.now())
    await world.go_to(moment_at(day - timedelta(days=1), 23 * 60 + 30, ZoneInfo(zone)))

    message = await shop.send()
    await settled(shop, message, sent=0, pending=1)
    await world.go_to(moment_at(day, 8 * 60 + 58, ZoneInfo(zone)))
    await settled(shop, message, sent=0, pending=1)
    await world.go_to(moment_at(day, 9 * 60, ZoneInfo(zone)) + timedelta(seconds=2))

    await shop.done(message)
    assert await shop.tokens_reached(message) == [device.token]


@pytest.mark.parametrize("zone", CHANGES)
async def test_nine_oclock_is_nine_oclock_on_the_day_of_clock_change(world: World, zone: str) -> None:
    """A message at a local time comes once, at that hour on the wall."""
    shop = await world.shop()
    (device,) = await people(shop, zone)
    day = next_night_of_change(zone, world.clock.now())
    await world.go_to(moment_at(day - timedelta(days=2), 12 * 60, ZoneInfo(zone)))

    message = await shop.send(schedule={"at": f"{day}T00:00:00Z", "local_time": "09:00"})
    await world.go_to(moment_at(day, 8 * 60 + 54, ZoneInfo(zone)))
    await settled(shop, message, sent=0, pending=1)
    await world.go_to(moment_at(day, 9 * 60, ZoneInfo(zone)) + timedelta(seconds=2))

    await shop.done(message)
    await world.let_pass(30 * 3600)
    assert await shop.tokens_reached(message) == [device.token]


async def test_a_local_time_follows_the_sun(world: World) -> None:
    """Each zone gets it at its own nine o'clock, the first ones first; who is past it tomorrow."""
    shop = await world.shop()
    tokyo, berlin, new_york = await people(shop, "Asia/Tokyo", "Europe/Berlin", "America/New_York")
    await world.go_to(next_at(world, 10, 0))

    message = await shop.send(schedule={"local_time": "09:00"})
    await settled(shop, message, sent=0, pending=3)
    reached: list[str] = []
    for zone, device in (("America/New_York", new_york), ("Asia/Tokyo", tokyo), ("Europe/Berlin", berlin)):
        await world.go_to(max(world.clock.now(), next_nine(zone, world)) + timedelta(seconds=2))
        reached.append(device.token)
        await shop.came_to(message, "sent", len(reached))
        assert await shop.tokens_reached(message) == reached

    await shop.done(message)


def next_nine(zone: str, world: World) -> datetime:
    """The next nine o'clock there."""
    here = ZoneInfo(zone)
    today = world.clock.now().astimezone(here).date()
    moments = [moment_at(today + timedelta(days=ahead), 9 * 60, here) for ahead in range(2)]
    return next(moment for moment in moments if moment > world.clock.now())


@pytest.mark.parametrize(("past", "expected"), [("now", ("sent", None)), ("skip", ("skipped", "late"))])
async def test_where_the_hour_has_passed_the_shop_decides(
    world: World, past: str, expected: tuple[str, str | None]
) -> None:
    """At once, or not at all."""
    shop = await world.shop()
    berlin, new_york = await people(shop, "Europe/Berlin", "America/New_York")
    await world.go_to(next_at(world, 10, 0))

    message = await shop.send(schedule={"local_time": "09:00", "past": past})
    await shop.came_to(message, "pending", 1)
    await world.go_to(next_at(world, 9, 0, "America/New_York", days=0) + timedelta(seconds=2))

    await shop.done(message)
    assert await shop.end_of(message, berlin) == expected
    assert await shop.end_of(message, new_york) == ("sent", None)


async def test_somebody_who_travels_gets_it_once(world: World) -> None:
    """East or west, before or after its hour there: nobody twice, nobody never."""
    shop = await world.shop()
    west, east, back, stays = await people(shop, "Europe/Berlin", "America/New_York", "Europe/Berlin", "Europe/Berlin")
    await world.go_to(next_at(world, 3, 0))
    message = await shop.send(schedule={"local_time": "09:00"})
    await settled(shop, message, sent=0, pending=4)

    await moves(shop, west, "America/New_York")
    await moves(shop, east, "Europe/Berlin")
    await world.go_to(next_at(world, 9, 0, days=0) + timedelta(seconds=2))
    await settled(shop, message, sent=2, pending=2)
    assert set(await shop.tokens_reached(message)) == {back.token, stays.token}
    await moves(shop, back, "America/New_York")
    await world.go_to(next_at(world, 9, 0, "America/New_York", days=0) + timedelta(seconds=2))

    await shop.done(message)
    tokens = await shop.tokens_reached(message)
    assert sorted(tokens) == sorted(device.token for device in (west, east, back, stays))


async def moves(shop: Shop, device: Device, zone: str) -> None:
    """The device says that it is in another zone now."""
    status, _, said = await shop.call("PATCH", f"/v1/subscriptions/{device.id}", {"timezone": zone})
    assert status == 200, said


async def test_a_campaign_that_runs_into_the_night_goes_on_in_the_morning(world: World) -> None:
    """What has not gone out by nine in the evening waits, as the few ranges it is; in the morning it goes on."""
    shop = await world.shop(quiet_hours=QUIET, timezone="Europe/Berlin")
    await shop.devices_quickly(1_200)
    await world.go_to(next_at(world, 20, 59))
    message = await shop.send(schedule={"at": next_at(world, 20, 59, days=0).isoformat()})
    await shop.came_to(message, "sent", 1)
    await shop.call("POST", f"/v1/messages/{message}/pause")
    at_nine = await shop.at_rest(message)
    await world.go_to(next_at(world, 21, 30, days=0))
    await shop.call("POST", f"/v1/messages/{message}/resume")

    await settled(shop, message, sent=at_nine, pending=1_200 - at_nine)
    waiting = await world.db.fetchval("SELECT count(*) FROM chunks WHERE app_id = $1 AND state = 0", shop.app.id)
    assert waiting <= 4
    await world.go_to(next_at(world, 9, 0) + timedelta(seconds=2))

    said = await shop.done(message)
    assert said["counts"]["sent"] == 1_200


async def test_of_an_unknown_zone_every_zone_of_the_country_must_be_awake(world: World) -> None:
    """An American whose zone is not known hears nothing at nine in New York, but at nine in Honolulu."""
    shop = await world.shop(quiet_hours=QUIET)
    await people(shop, None, country="US")
    await world.go_to(next_at(world, 8, 0, "America/New_York"))

    message = await shop.send()
    await world.go_to(next_at(world, 9, 30, "America/New_York", days=0))
    await settled(shop, message, sent=0, pending=1)
    await world.go_to(next_at(world, 9, 0, "Pacific/Honolulu", days=0) + timedelta(seconds=2))

    await shop.done(message)
    assert len(await shop.tokens_reached(message)) == 1


async def test_of_whom_nothing_is_known_nobody_waits(world: World) -> None:
    """No zone, no country, and the app has none: it goes out at once, at any hour."""
    shop = await world.shop(quiet_hours=QUIET)
    await people(shop, None)

    assert (await shop.done(await shop.send()))["counts"]["sent"] == 1


async def test_the_night_may_drop_instead_of_hold(world: World) -> None:
    """Who sleeps is left out, with the reason; who is awake gets it."""
    shop = await world.shop(quiet_hours=QUIET)
    berlin, new_york = await people(shop, "Europe/Berlin", "America/New_York")
    await world.go_to(next_at(world, 23, 30))

    message = await shop.send(schedule={"on_quiet": "drop"})

    said = await shop.done(message)
    assert said["skipped_by"] == {"quiet": 1}
    assert await shop.end_of(message, berlin) == ("skipped", "quiet")
    assert await shop.end_of(message, new_york) == ("sent", None)


async def test_an_order_about_ones_own_purchase_comes_at_night(world: World) -> None:
    """Transactional messages ignore quiet hours, unless told otherwise; marketing may be told to ignore them."""
    shop = await world.shop(quiet_hours=QUIET)
    (device,) = await people(shop, "Europe/Berlin", user="cust-17")
    await world.go_to(next_at(world, 23, 30))

    at_once = await shop.send({"users": ["cust-17"]})
    loud = await shop.send(schedule={"quiet": "ignore"})
    polite = await shop.send({"users": ["cust-17"]}, schedule={"quiet": "respect"})
    marketing = await shop.send({"subscriptions": [device.id]}, category="marketing")

    await shop.done(at_once)
    await shop.done(loud)
    await settled(shop, polite, sent=0, pending=1)
    await settled(shop, marketing, sent=0, pending=1)
    await world.go_to(next_at(world, 9, 0) + timedelta(seconds=2))
    await shop.done(polite)
    await shop.done(marketing)


async def test_who_would_be_held_past_the_end_is_told_so_at_once(world: World) -> None:
    """Nothing waits for a morning that comes too late: by `until` or by `ttl`."""
    shop = await world.shop(quiet_hours=QUIET)
    (device,) = await people(shop, "Europe/Berlin")
    await world.go_to(next_at(world, 23, 30))

    by_until = await shop.send(schedule={"until": (world.clock.now() + 2 * HOUR).isoformat()})
    by_ttl = await shop.send(ttl=3600)

    for message in (by_until, by_ttl):
        assert (await shop.done(message))["counts"]["expired"] == 1
        assert await shop.end_of(message, device) == ("expired", "held")


async def test_a_deadline_is_in_every_push(world: World) -> None:
    """The push service is told to keep it no longer than `until`."""
    shop = await world.shop()
    await people(shop, "Europe/Berlin")

    message = await shop.send(schedule={"until": (world.clock.now() + timedelta(seconds=90)).isoformat()})

    await shop.done(message)
    (entry,) = await world.entries(message)
    assert 60 <= entry.ttl_s <= 90


async def test_everybody_at_their_best_hour(world: World) -> None:
    """Who usually clicks at seven (UTC) gets it then; who is not known, when most of the app's people are there."""
    shop = await world.shop()
    early, unknown = await people(shop, "Europe/Berlin", "Europe/Berlin")
    await seen_at(world, early, 7, 5)
    (often,) = await people(shop, "Europe/Berlin")
    await seen_at(world, often, 18, 50)
    day = (world.clock.now() + timedelta(days=1)).astimezone(UTC).replace(hour=5, minute=0, second=0, microsecond=0)
    await world.go_to(day)

    message = await shop.send(schedule={"best_time": True})
    await settled(shop, message, sent=0, pending=3)
    await world.go_to(day.replace(hour=7, second=2))
    await settled(shop, message, sent=1, pending=2)
    assert await shop.tokens_reached(message) == [early.token]
    await world.go_to(day.replace(hour=18, second=2))

    await shop.done(message)
    assert set(await shop.tokens_reached(message)) == {early.token, unknown.token, often.token}


async def test_clicks_teach_somebodys_hour(world: World) -> None:
    """After a few, the hour with the most is theirs; before, nothing is said of them."""
    shop = await world.shop()
    (device,) = await people(shop, "Europe/Berlin")
    bucket = shop.app.buckets[0]
    taught: list[int | None] = []
    for hour in (20, 7, 7):
        await hours.add(world.db, app_id=shop.app.id, seen={(bucket, device.number): hour})
        taught.append(await world.db.fetchval("SELECT best_hour FROM subscriptions WHERE id = $1", device.number))

    assert taught == [None, None, 7]


async def seen_at(world: World, device: Device, hour: int, times: int) -> None:
    """As if the person had been there so often at this hour."""
    counts = bytearray(24)
    counts[hour] = times
    await world.db.execute(
        "UPDATE subscriptions SET hours = $2, best_hour = $3 WHERE id = $1", device.number, bytes(counts), hour
    )


async def test_a_series_makes_a_message_each_time(world: World) -> None:
    """Every day at nine, but not on the day left out; each has counts of its own."""
    shop = await world.shop(timezone="Europe/Berlin")
    await people(shop, "Europe/Berlin")
    first = next_at(world, 9, 0)
    left_out = first.astimezone(ZoneInfo("Europe/Berlin")).date() + timedelta(days=1)
    rule = {"rule": "FREQ=DAILY;COUNT=4", "exclude": [left_out.isoformat()]}
    series = await shop.send(schedule={"at": first.isoformat(), "recurring": rule})

    made: list[int] = []
    for _ in range(4):
        await world.go_to(next_at(world, 9, 0) + timedelta(seconds=2))
        made.append(await occurrences(shop, series))

    assert made == [1, 1, 2, 3]
    said = await shop.done(series)
    assert said["counts"]["audience"] == 0
    _, _, page = await shop.call("GET", f"/v1/messages?series={series}")
    assert all(one["series"] == series for one in page["data"])
    for one in page["data"]:
        assert (await shop.done(one["id"]))["counts"]["sent"] == 1


async def occurrences(shop: Shop, series: str) -> int:
    """How many messages a series has made, once the planner had time to look."""
    number = await shop.world.db.fetchval("SELECT count(*) FROM messages WHERE app_id = $1", shop.app.id)

    async def has_looked() -> bool:
        due = await shop.world.db.fetchval(
            "SELECT count(*) FROM messages WHERE app_id = $1 AND state < 2 AND due_at <= $2",
            shop.app.id, shop.world.clock.now(),
        )  # fmt: skip
        return not due

    await until(f"the planner has looked ({number})", has_looked, within_s=10)
    _, _, page = await shop.call("GET", f"/v1/messages?series={series}")
    return len(page["data"])


async def test_a_series_can_be_paused_and_cancelled(world: World) -> None:
    """Paused, what falls into the pause is left out; cancelled, nothing comes any more."""
    shop = await world.shop(timezone="Europe/Berlin")
    await people(shop, "Europe/Berlin")
    series = await shop.send(schedule={"at": next_at(world, 9).isoformat(), "recurring": {"rule": "FREQ=DAILY"}})
    await shop.call("POST", f"/v1/messages/{series}/pause")
    await world.go_to(next_at(world, 12, 0, days=2))
    await shop.call("POST", f"/v1/messages/{series}/resume")
    assert await occurrences(shop, series) == 0
    await world.go_to(next_at(world, 9, 0) + timedelta(seconds=2))
    assert await occurrences(shop, series) == 1

    await shop.call("POST", f"/v1/messages/{series}/cancel")
    await world.let_pass(3 * 86_400)

    assert await occurrences(shop, series) == 1
    assert (await shop.message(series))["state"] == "cancelled"
    assert (await shop.call("POST", f"/v1/messages/{series}/resume"))[0] == 409


async def test_a_series_at_everybodys_own_hour(world: World) -> None:
    """Each Friday at nine where people are: the day begins in the east, and its message with it."""
    shop = await world.shop(timezone="Europe/Berlin")
    tokyo, honolulu = await people(shop, "Asia/Tokyo", "Pacific/Honolulu")
    series = await shop.send(
        schedule={"at": next_at(world, 1).isoformat(), "local_time": "09:00", "recurring": {"rule": "FREQ=WEEKLY"}}
    )
    day = next_at(world, 1).astimezone(ZoneInfo("Europe/Berlin")).date()
    await world.go_to(earliest(540, day) + timedelta(seconds=2))
    assert await occurrences(shop, series) == 1
    await world.go_to(moment_at(day, 540, ZoneInfo("Asia/Tokyo")) + timedelta(seconds=2))
    _, _, page = await shop.call("GET", f"/v1/messages?series={series}")
    message = page["data"][0]["id"]
    await settled(shop, message, sent=1, pending=1)
    assert await shop.tokens_reached(message) == [tokyo.token]
    await world.go_to(moment_at(day, 540, ZoneInfo("Pacific/Honolulu")) + timedelta(seconds=2))

    await shop.done(message)
    assert await shop.tokens_reached(message) == [tokyo.token, honolulu.token]


@pytest.mark.parametrize(
    ("schedule", "param"),
    [
        ({"local_time": "9 o'clock"}, "schedule.local_time"),
        ({"local_time": "24:00"}, "schedule.local_time"),
        ({"local_time": "09:00", "best_time": True}, "schedule.best_time"),
        ({"past": "skip"}, "schedule.past"),
        ({"past": "never", "local_time": "09:00"}, "schedule.past"),
        ({"quiet": "loud"}, "schedule.quiet"),
        ({"quiet": "ignore", "on_quiet": "drop"}, "schedule.on_quiet"),
        ({"until": "2001-01-01T00:00:00Z"}, "schedule.until"),
        ({"until": "2999-01-01T00:00:00Z"}, "schedule.until"),
        ({"at": "2001-01-01T00:00:00Z"}, "schedule.at"),
        ({"recurring": {}}, "schedule.recurring"),
        ({"recurring": {"rule": "FREQ=SECONDLY"}}, "schedule.recurring.rule"),
        ({"recurring": {"rule": "FREQ=DAILY", "timezone": "../etc/passwd"}}, "schedule.recurring.timezone"),
        ({"recurring": {"rule": "FREQ=DAILY", "exclude": ["2026-02-30"]}}, "schedule.recurring.exclude[0]"),
        ({"recurring": {"rule": "FREQ=DAILY;UNTIL=20200101"}}, "schedule.recurring.rule"),
        ({"recurring": {"rule": "FREQ=DAILY;BYHOUR=7"}, "local_time": "09:00"}, "schedule.recurring.rule"),
    ],
)
async def test_a_schedule_that_cannot_be_is_refused(world: World, schedule: dict[str, Any], param: str) -> None:
    """With the path of the field, before anything is stored."""
    shop = await world.shop()

    status, _, said = await shop.call(
        "POST", "/v1/messages", {"audience": {"all": True}, "title": "Evening bell", "schedule": schedule}
    )

    assert status in {400, 422}, said
    assert said["error"]["param"].startswith(param), said
