"""Lists that a shop brings: who is on one, with every device, now and later."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
import pytest

from gateway.model.errors import Invalid, NotFound
from gateway.model.ids import to_text
from gateway.model.limits import IMPORT_LINE_BYTES_MAX, LIST_IMPORT_ROWS, LISTS_PER_APP_MAX
from gateway.store import list_members, list_remains, lists, persons
from gateway.subscribers.enrol import Enrolled
from gateway.subscribers.lists import Form, ListImportReport, Mode, import_lines, member_of
from tests.subscribers.house import NOW, House, browser, request


async def _stream(lines: Iterable[str | bytes]) -> AsyncIterator[bytes]:
    for line in lines:
        yield line.encode() if isinstance(line, str) else line


async def enrol(house: House, number: int | None = None, **more: Any) -> Enrolled:
    """A device that the shop's server enrols."""
    return await house.enroller.enrol(house.app, request(number, **more), now=NOW, by_server=True)


async def bring(
    house: House, lines: Iterable[str | bytes], *, slug: str = "vips", form: Form = "csv", mode: Mode = "add"
) -> ListImportReport:
    await lists.insert(house.database, house.app.id, slug, slug, total_max=LISTS_PER_APP_MAX)
    return await import_lines(house.database, house.app, slug, _stream(lines), form=form, mode=mode)


async def on_list(house: House, slug: str = "vips") -> set[int]:
    """The devices that a send to the list would read, by their rows alone."""
    one = await lists.get(house.database, house.app.id, slug)
    assert one is not None
    rows = await house.database.fetch(
        "SELECT id FROM subscriptions WHERE app_id = $1"
        " AND (lists @> ARRAY[$2::int] OR person_lists @> ARRAY[$2::int])",
        house.app.id,
        one.number,
    )
    assert len(rows) == await list_members.count_devices(house.database, house.app, one.number)
    return {row["id"] for row in rows}


async def test_every_device_of_a_person_is_on_the_list(house: House):
    """A line names a person or a device; nobody else is on the list."""
    phone, laptop = await enrol(house, user="ada"), await enrol(house, user="ada")
    nobodys, other = await enrol(house), await enrol(house, user="bob")
    report = await bring(house, ["ada", to_text("sub", nobodys.id)])
    assert (report.changed, report.unchanged, report.rejected) == (2, 0, 0)
    assert await on_list(house) == {phone.id, laptop.id, nobodys.id}
    assert other.id not in await on_list(house)


async def test_the_same_file_again_changes_nothing(house: House):
    """Who is on the list already is counted as such, also within one file."""
    device = await enrol(house, user="ada")
    lines = ["ada", "bob", "ada", to_text("sub", device.id)]
    first, second = await bring(house, lines), await bring(house, lines)
    assert (first.changed, first.unchanged) == (3, 1)
    assert (second.changed, second.unchanged) == (0, 4)


async def test_a_person_who_comes_later_is_on_the_list(house: House):
    """The list knows the person, not the device: enrolled, logged in or imported later, each device is on it."""
    await bring(house, ["ada"])
    enrolled = await enrol(house, user="ada")
    logged_in = await enrol(house)
    await persons.attach(house.database, house.app, "ada", logged_in.id)
    imported = msgspec.json.encode(browser(user="ada", id=to_text("sub", 4711)))
    await house.transfer.import_subscriptions(house.app, _stream([imported]), now=NOW)
    assert await on_list(house) == {enrolled.id, logged_in.id, 4711}


async def test_a_device_that_changes_hands_leaves_the_list_of_its_person(house: House):
    """Logged out, or somebody else's now: the person's lists went with the person. Its own list it keeps."""
    device, moved = await enrol(house, user="ada"), await enrol(house, 50, user="ada")
    await bring(house, ["ada"])
    await bring(house, ["bob", to_text("sub", device.id)], slug="testers")
    assert await on_list(house) == {device.id, moved.id}
    await persons.detach(house.database, house.app, device.id)
    await house.transfer.import_subscriptions(
        house.app, _stream([msgspec.json.encode(browser(50, user="bob"))]), now=NOW
    )
    assert await on_list(house) == set()
    assert await on_list(house, "testers") == {device.id, moved.id}


async def test_who_is_taken_off_is_off_on_every_device(house: House):
    """`remove` takes people and devices off; who was not on the list is no fault."""
    first, second = await enrol(house, user="ada"), await enrol(house)
    await bring(house, ["ada", "bob", to_text("sub", second.id)])
    report = await bring(house, ["ada", "ghost", to_text("sub", second.id)], mode="remove")
    assert (report.changed, report.unchanged) == (2, 1)
    assert await on_list(house) == set()
    later = await enrol(house, user="ada")
    assert await on_list(house) == set()
    assert {first.id, later.id} == set((await persons.subscriptions_of(house.database, house.app, ["ada"]))["ada"])


async def test_a_new_upload_replaces_the_list_at_once(house: House):
    """Until the last line the list is as it was; then it is who the file names. The old rows are cleared later."""
    ada, bob = await enrol(house, user="ada"), await enrol(house, user="bob")
    await bring(house, ["ada"])

    async def watched() -> AsyncIterator[bytes]:
        for number in range(LIST_IMPORT_ROWS):
            yield f"other-{number}".encode()
        yield b"bob"
        assert await on_list(house) == {ada.id}

    report = await import_lines(house.database, house.app, "vips", watched(), form="csv", mode="replace")
    assert report.changed == LIST_IMPORT_ROWS + 1
    assert await on_list(house) == {bob.id}
    assert await list_remains.clear(house.database) == 0  # a send may still read by the old number
    await house.database.execute("UPDATE list_remains SET clear_after = now() - interval '1 second'")
    while await list_remains.clear(house.database):
        continue
    held = await house.database.fetchval("SELECT person_lists FROM subscriptions WHERE id = $1", ada.id)
    assert held is None
    assert await on_list(house) == {bob.id}
    assert await house.database.fetchval("SELECT count(*) FROM list_remains") == 0


async def test_a_replacement_that_breaks_off_changes_nothing(house: House):
    """The list stays as it was, and what was written is cleared away."""
    ada = await enrol(house, user="ada")
    await bring(house, ["ada"])

    async def broken() -> AsyncIterator[bytes]:
        for number in range(LIST_IMPORT_ROWS + 1):
            yield f"other-{number}".encode()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await import_lines(house.database, house.app, "vips", broken(), form="csv", mode="replace")
    assert await on_list(house) == {ada.id}
    await house.database.execute("UPDATE list_remains SET clear_after = now() - interval '1 second'")
    while await list_remains.clear(house.database):
        continue
    assert await house.database.fetchval("SELECT count(*) FROM persons WHERE lists IS NOT NULL") == 1


async def test_a_deleted_list_leaves_no_trace(house: House):
    """Its name is free at once; a new list of the name has nobody."""
    own = await enrol(house)
    await enrol(house, user="ada")
    await bring(house, ["ada", to_text("sub", own.id)])
    assert await lists.delete(house.database, house.app.id, "vips", kept_s=0)
    await bring(house, [])
    assert await on_list(house) == set()
    while await list_remains.clear(house.database):
        continue
    rows = await house.database.fetch(
        "SELECT 1 FROM subscriptions WHERE lists IS NOT NULL OR person_lists IS NOT NULL"
        " UNION ALL SELECT 1 FROM persons WHERE lists IS NOT NULL"
    )
    assert rows == []


async def test_bad_lines_are_named_and_left_out(house: House):
    """Every good line counts, whatever stands between."""
    unknown = to_text("sub", 12345)
    lines = ["ada", b"\xff\xfe", "x" * 300, unknown, '"open', "bell\x07bed", "x" * (IMPORT_LINE_BYTES_MAX + 1), "bob"]
    report = await bring(house, lines)
    assert report.changed == 2
    assert [one.line for one in report.errors] == [2, 3, 4, 5, 6, 7]
    assert report.rejected == 6
    assert unknown in next(one.message for one in report.errors if one.line == 4)


async def test_an_unknown_list_takes_nobody(house: House):
    """An import into a list that is not there is refused before anything is written."""
    with pytest.raises(NotFound):
        await import_lines(house.database, house.app, "nolist", _stream(["ada"]), form="csv", mode="add")


async def test_lists_of_one_app_are_no_other_apps(house: House):
    """The same slug, the same person: two lists."""
    other = await house.other_app()
    await bring(house, ["ada"])
    await lists.insert(house.database, other.id, "vips", "vips", total_max=LISTS_PER_APP_MAX)
    await import_lines(house.database, other, "vips", _stream(["ada"]), form="csv", mode="remove")
    device = await enrol(house, user="ada")
    assert await on_list(house) == {device.id}


@pytest.mark.parametrize(
    ("line", "form", "expected"),
    [
        (b"cust-17", "csv", "cust-17"),
        (b"cust-17,Ada Lovelace,ada@x.example", "csv", "cust-17"),
        (b'"cust,17",Ada', "csv", "cust,17"),
        (b"cust-17\r", "csv", "cust-17"),
        (b"cust-17;Ada Lovelace;12,5", "csv", "cust-17"),
        (b"cust-17\tAda, of Lovelace", "csv", "cust-17"),
        (b'"cust;17";Ada', "csv", "cust;17"),
        (b"external_id;name", "csv", None),
        (b"\xef\xbb\xbfexternal_id", "csv", None),
        (b"   ", "csv", None),
        (to_text("sub", 5).encode(), "csv", 5),
        (b'"cust-17"', "ndjson", "cust-17"),
        (b'{"user": "cust-17"}', "ndjson", "cust-17"),
        (b'{"subscription": "sub_0000000000005"}', "ndjson", 5),
        (b'{"user": "sub_0000000000005"}', "ndjson", "sub_0000000000005"),
    ],
)
def test_a_line_names_somebody(line: bytes, form: Form, expected: Any):
    """The first field of a CSV line, a JSON text, or an object."""
    assert member_of(line, form, is_first=True) == expected


@pytest.mark.parametrize(
    ("line", "form"),
    [
        (b"a\x00b", "csv"),
        (b",second", "csv"),
        (b"17", "ndjson"),
        (b"{}", "ndjson"),
        (b'{"user": "a", "subscription": "sub_0000000000005"}', "ndjson"),
        (b'{"subscription": "sub_5"}', "ndjson"),
        (b'{"user": "a", "more": 1}', "ndjson"),
        (b"[" * 5000, "ndjson"),
        (b"cust-17", "ndjson"),
    ],
)
def test_a_line_that_names_nobody_is_refused(line: bytes, form: Form):
    """With a sentence, never with a fault of ours."""
    with pytest.raises(Invalid):
        member_of(line, form)
