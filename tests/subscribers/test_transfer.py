"""Moving devices in and out: every good line is stored, every bad one is named, twice is once."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
import pytest

from gateway.model.consent import How
from gateway.model.ids import to_text
from gateway.model.limits import (
    IMPORT_BATCH_ROWS,
    IMPORT_ERRORS_MAX,
    IMPORT_LINE_BYTES_MAX,
    IMPORT_STEP_LINES,
    SUBSCRIPTIONS_PER_PERSON_MAX,
    TOPICS_PER_APP_MAX,
)
from gateway.model.subscriber import SubscriptionState
from gateway.store import persons, subscriptions
from gateway.subscribers.imports import ImportReport
from gateway.subscribers.rows import lines_of
from tests.subscribers.house import NOW, House, browser, change


async def stream(lines: Iterable[bytes]) -> AsyncIterator[bytes]:
    for line in lines:
        yield line


def line(number: int | None = None, **more: Any) -> bytes:
    return msgspec.json.encode(browser(number, **more))


async def bring(house: House, lines: Iterable[bytes]) -> ImportReport:
    return await house.transfer.import_subscriptions(house.app, stream(lines), now=NOW)


async def exported(house: House) -> list[dict[str, Any]]:
    pieces = [piece async for piece in house.transfer.export_subscriptions(house.app)]
    return [msgspec.json.decode(one) for one in b"".join(pieces).splitlines()]


FULL = {
    "user": "cust-1",
    "topics": ["news", "sale"],
    "tags": {"plan": "gold", "visits": 3, "vip": True, "sizes": ["s", "m"]},
    "preferences": {
        "quiet_hours": {"from": "22:00", "to": "08:00", "weekends": True, "holidays": False},
        "frequency": {"max": 3, "per": "P7D"},
        "channels_off": ["webpush"],
    },
    "language": "pt-BR",
    "timezone": "America/Sao_Paulo",
    "country": "BR",
    "platform": "chrome_android",
    "consent": {"text": "Sim", "at": "2025-01-02T03:04:05Z", "page": "https://shop.example/"},
    "created_at": "2025-01-02T03:04:05Z",
    "state": "active",
}


async def test_everything_in_a_line_is_kept(house: House):
    """What a shop knows of a subscriber comes along."""
    assert await bring(house, [line(1, **FULL)]) == ImportReport(1, 0, 0, [])

    (told,) = await exported(house)
    assert {name: told[name] for name in FULL} == FULL
    assert {name: told[name] for name in ("channel", "endpoint", "keys")} == browser(1)
    assert await persons.subscriptions_of(house.database, house.app, ["cust-1"]) == {
        "cust-1": [one.id for one in await house.enroller.list_page(house.app, after=None, limit=2)]
    }


async def test_what_was_chosen_on_a_device_of_nobody_comes_along(house: House):
    """A pause that holds, replaced by what a later line says; what a line does not name stays."""
    until = "2027-01-01T00:00:00Z"
    await bring(house, [line(1, preferences={"paused_until": until}), line(1, tags={"plan": "gold"})])
    (told,) = await exported(house)
    assert (told["preferences"], told["tags"]) == ({"paused_until": until}, {"plan": "gold"})

    await bring(house, [line(1, language="nl")])
    assert (await exported(house))[0]["preferences"] == {"paused_until": until}
    await bring(house, [line(1, preferences={"frequency": {"max": 1, "per": "P1D"}})])
    assert (await exported(house))[0]["preferences"] == {"frequency": {"max": 1, "per": "P1D"}}
    await bring(house, [line(1, preferences={"frequency": None})])
    assert "preferences" not in (await exported(house))[0]

    report = await bring(house, [line(2, preferences={"frequency": {"max": 1, "per": "P1Y"}})])
    assert [(one.code, "per" in one.message) for one in report.errors] == [("field_invalid", True)]


@pytest.mark.parametrize("buckets", [1, 32])
async def test_an_export_brings_back_the_same(house: House, buckets: int):
    """import(export(x)) is x: into the same app, and into an empty one of another installation."""
    await house.spread(buckets)
    await bring(house, [line(n, **{**FULL, "user": f"cust-{n % 7}"}) for n in range(40)])
    await bring(house, [line(n, state=state) for n, state in ((50, "gone"), (51, "left"), (52, "active"))])
    await house.enrol(60, topics=["sale"])
    before = await exported(house)
    file = [msgspec.json.encode(one) for one in before]

    assert await bring(house, file) == ImportReport(0, len(file), 0, [])
    assert await exported(house) == before
    assert await house.strays() == 0

    for table in ("DELETE FROM subscriptions", "DELETE FROM addresses", "DELETE FROM persons"):
        await house.database.execute(table)
    assert await bring(house, file) == ImportReport(len(file), 0, 0, [])
    assert await exported(house) == before
    assert len((await persons.subscriptions_of(house.database, house.app, ["cust-1"]))["cust-1"]) == 6


async def test_a_bad_line_is_named_and_stops_nobody(house: House):
    """Whatever is in a line, the good ones around it are stored and the report says what to mend."""
    bad = {
        "{": "json_unreadable",
        "[]": "field_invalid",
        '"x"': "field_invalid",
        "null": "field_invalid",
        "\xff": "json_unreadable",
        '{"channel": "webpush", "tags": {"a": ' + "[" * 10_000: "json_unreadable",
        '{"channel": "webpush", "nope": 1}': "field_unknown",
        '{"endpoint": "x"}': "field_missing",
        '{"channel": "pigeon"}': "channel_unknown",
        '{"channel": "webpush"}': "field_missing",
        line(user="x" * 300).decode(): "field_invalid",
        line(user="nul\x00").decode(): "field_invalid",
        line(country="nl").decode(): "field_invalid",
        line(timezone="Mars/Olympus").decode(): "field_invalid",
        line(state="asleep").decode(): "field_invalid",
        line(id="sub_1").decode(): "field_invalid",
        line(created_at="2025-01-01T00:00:00").decode(): "field_invalid",
        line(created_at="2999-01-01T00:00:00Z").decode(): "field_invalid",
        line(created_at="yesterday").decode(): "field_invalid",
        line(endpoint="https://evil.example/").decode(): "endpoint_refused",
        line(keys={"p256dh": "AA", "auth": "AA"}).decode(): "key_material_invalid",
        line(vapid_key_id="key_0000000000000").decode(): "credential_unknown",
        line(tags={"big": "x" * IMPORT_LINE_BYTES_MAX}).decode(): "body_too_large",
    }
    file = [text.encode("latin-1") for wrong in bad for text in (wrong, line().decode())]

    report = await bring(house, file)

    assert (report.imported, report.updated, report.rejected) == (len(bad), 0, len(bad))
    assert [(error.line, error.code) for error in report.errors] == [
        (2 * place + 1, code) for place, code in enumerate(bad.values())
    ]
    assert all(error.message for error in report.errors)


async def test_the_report_names_the_first_hundred(house: House):
    """A file that is wrong from end to end does not fill memory or screen."""
    report = await bring(house, [b"{"] * (IMPORT_ERRORS_MAX + 50))

    assert report.rejected == IMPORT_ERRORS_MAX + 50
    assert [error.line for error in report.errors] == list(range(1, IMPORT_ERRORS_MAX + 1))


async def test_blank_lines_and_editor_marks_are_no_lines(house: House):
    """Files come from editors and from Windows."""
    report = await bring(house, [b"\xef\xbb\xbf" + line(), b"", b"  \r", line() + b"\r", b"\t"])
    assert report == ImportReport(2, 0, 0, [])


async def test_a_repeated_line_is_one_device(house: House):
    """What a later line says holds; what it leaves out stays."""
    report = await bring(house, [line(1, language="nl", country="NL"), line(2), line(1, language="de", user="u")])

    assert report == ImportReport(2, 1, 0, [])
    (told,) = [one for one in await exported(house) if one["endpoint"] == browser(1)["endpoint"]]
    assert (told["language"], told["country"], told["user"]) == ("de", "NL", "u")


async def test_a_repetition_far_down_the_file_is_one_device_too(house: House):
    """Also where the two lines are in different batches that are written at once."""
    first = [line(number, language="nl") for number in range(IMPORT_BATCH_ROWS + 10)]
    report = await bring(house, [*first, *(one.replace(b'"nl"', b'"de"') for one in first)])

    assert (report.imported, report.updated) == (len(first), len(first))
    assert {one["language"] for one in await exported(house)} == {"de"}


async def test_an_import_leaves_alone_what_it_does_not_mention(house: House):
    """Topics, secret and tags that a device has stay when a list with less in it comes."""
    mine = await house.enrol(1, topics=["sale"], tags={"a": 1}, language="nl", timezone="Europe/Amsterdam")
    before = await house.enroller.get(house.app, mine.id, mine.secret)

    assert await bring(house, [line(1)]) == ImportReport(0, 1, 0, [])

    assert await house.enroller.get(house.app, mine.id, mine.secret) == before


async def test_who_left_is_not_brought_back_by_an_old_list(house: House):
    """A withdrawal holds against every later import; a list that says "left" is obeyed."""
    gone, left, mine = await house.enrol(1), await house.enrol(2), await house.enrol(3)
    await subscriptions.end(house.database, house.app, gone.id, SubscriptionState.GONE)
    await house.enroller.leave(house.app, left.id, left.secret, now=NOW, how=How.PAGE)

    await bring(house, [line(1, language="de"), line(2, state="active", language="de"), line(3, state="left")])

    devices = [await house.enroller.get(house.app, one.id) for one in (gone, left, mine)]
    assert [one.locale for one in devices] == ["de", "de", None], "what else the list says is taken"
    assert [one.state for one in devices] == [SubscriptionState.GONE, SubscriptionState.LEFT, SubscriptionState.LEFT]


async def test_new_keys_in_the_list_are_taken(house: House):
    """The shop's own list is believed about the keys of an endpoint."""
    await bring(house, [line(1)])
    await bring(house, [line(1, point=2)])
    (told,) = await exported(house)
    assert told["keys"] == browser(1, point=2)["keys"]


async def test_an_id_is_kept_where_it_is_free(house: House):
    """Coming from another installation devices keep their ids, and nobody's id is taken away."""
    mine = await house.enrol(1)
    taken, free = to_text("sub", mine.id), to_text("sub", mine.id ^ 1)

    report = await bring(house, [line(2, id=taken), line(3, id=free), line(4, id=free), line(1, id=free)])

    assert (report.imported, report.updated) == (3, 1)
    told = {one["endpoint"].rpartition("-")[2]: one["id"] for one in await exported(house)}
    assert told["1"] == taken
    assert told["3"] == free
    assert len(set(told.values())) == 4


async def test_people_follow_their_devices(house: House):
    """A list that names another user moves the device, and the first one loses it."""
    await bring(house, [line(n, user="anna") for n in range(3)])
    await bring(house, [line(0, user="bert"), line(1), line(2, user="anna")])

    found = await persons.subscriptions_of(house.database, house.app, ["anna", "bert"])
    assert (len(found["anna"]), len(found["bert"])) == (2, 1)


async def test_one_user_on_every_line_keeps_the_last_hundred(house: House):
    """A list with "guest" as everybody's name fills no row without end; the others belong to nobody."""
    lines = [line(user="guest") for _ in range(SUBSCRIPTIONS_PER_PERSON_MAX + 40)]
    await bring(house, lines)
    await bring(house, [line(user="guest") for _ in range(5)])

    held = (await persons.subscriptions_of(house.database, house.app, ["guest"]))["guest"]
    named = [one for one in await exported(house) if one.get("user") == "guest"]
    assert len(held) == len(named) == SUBSCRIPTIONS_PER_PERSON_MAX


async def test_lines_with_topics_that_find_no_room_are_rejected(house: House):
    """The app has as many topics as it may; the other lines are stored."""
    many = [line(topics=[f"t{n}"]) for n in range(TOPICS_PER_APP_MAX + 3)]
    report = await bring(house, [*many, line()])

    assert (report.imported, report.rejected) == (TOPICS_PER_APP_MAX + 1, 3)
    assert {error.code for error in report.errors} == {"topics_too_many"}


async def test_two_imports_and_opt_ins_at_once_agree(house: House):
    """The same list twice at once, and browsers that enrol meanwhile: each endpoint is one device."""
    lines = [line(n, user=f"cust-{n % 10}") for n in range(600)]

    reports, *_ = await asyncio.gather(
        asyncio.gather(bring(house, lines), bring(house, lines[::-1])),
        *(house.enrol(number) for number in range(0, 600, 40)),
    )

    assert all(report.imported + report.updated == 600 for report in reports)
    assert await house.count("subscriptions") == await house.count("addresses") == 600


async def test_an_import_that_is_cut_off_leaves_whole_rows_and_can_be_repeated(house: House):
    """What was committed is complete; the same file afterwards finishes the work."""
    lines = [line(n, user=f"cust-{n}") for n in range(3 * IMPORT_BATCH_ROWS)]

    async def cut() -> AsyncIterator[bytes]:
        for number, one in enumerate(lines):
            if number == 2 * IMPORT_BATCH_ROWS + 500:
                await asyncio.sleep(0.3)
                raise ConnectionResetError
            yield one

    with pytest.raises(ConnectionResetError):
        await house.transfer.import_subscriptions(house.app, cut(), now=NOW)
    stored = await house.count("subscriptions")

    assert stored in (IMPORT_BATCH_ROWS, 2 * IMPORT_BATCH_ROWS)
    assert await house.count("addresses") == await house.count("persons") == stored
    again = await bring(house, lines)
    assert (again.imported, again.updated) == (len(lines) - stored, stored)


async def test_progress_is_told_and_others_are_served_meanwhile(house: House):
    """A long import reports on its way and does not block the process."""
    seen: list[tuple[int, int]] = []
    turns = 0
    is_done = asyncio.Event()

    async def other() -> None:
        nonlocal turns
        while not is_done.is_set():
            turns += 1
            await asyncio.sleep(0)

    serving = asyncio.create_task(other())
    lines = [line() for _ in range(IMPORT_BATCH_ROWS + 5)]
    await house.transfer.import_subscriptions(
        house.app, stream(lines), on_progress=lambda done: seen.append((done, turns)), now=NOW
    )
    is_done.set()
    await serving

    assert [done for done, _ in seen] == [IMPORT_BATCH_ROWS, IMPORT_BATCH_ROWS + 5]
    assert seen[0][1] >= IMPORT_BATCH_ROWS // IMPORT_STEP_LINES, "others had their turn while the first batch was read"


async def test_an_import_stays_in_its_app(house: House):
    """The same list in two apps makes devices of both, and an export holds one app's."""
    lines = [line(n) for n in range(3)]
    await bring(house, lines)
    before, house.app = house.app, await house.other_app()
    assert (await bring(house, lines)).imported == 3
    await house.enroller.change(
        house.app,
        (await house.enroller.list_page(house.app, after=None, limit=1))[0].id,
        None,
        change(user="x"),
        now=NOW,
    )
    house.app = before
    assert all("user" not in one for one in await exported(house))
    assert len(await exported(house)) == 3


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
async def test_a_stream_cut_anywhere_gives_the_same_lines(size: int):
    """Networks cut where they like."""
    text = b"one\ntwo\r\n\nthree\n" + b"x" * 50 + b"\nlast"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    assert [one async for one in lines_of(stream(pieces))] == text.split(b"\n")


async def test_a_line_without_end_does_not_fill_memory():
    """Sixteen kilobytes are kept of a line, however long it is."""
    pieces = [b"x" * 10_000] * 500 + [b"\nshort"]

    first, second = [one async for one in lines_of(stream(pieces))]

    assert IMPORT_LINE_BYTES_MAX < len(first) <= IMPORT_LINE_BYTES_MAX + 10_001
    assert second == b"short"
