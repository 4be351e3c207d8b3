"""Who is on a list: numbers on the rows of people and devices, written by the thousand.

People come first, then their devices, in a transaction each: whoever attaches a device to a person meanwhile reads the
person's row under its lock, and so copies the number himself. Both steps may be repeated; an upload that broke off is
made whole by sending it again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec

from gateway.model.app import App
from gateway.model.errors import StoreUnavailable
from gateway.model.limits import IMPORT_ATTEMPTS_MAX
from gateway.store.database import Queryable, affected
from gateway.store.faults import was_deadlock
from gateway.store.persons import names_of, person_bucket_of
from gateway.store.subscriptions import bucket_of

_PAUSE_S: Final = 0.05
_T = TypeVar("_T")


class Members(msgspec.Struct, frozen=True):
    """What became of a batch. `unknown`: devices that do not exist."""

    changed: int
    unchanged: int
    unknown: frozenset[int]


class _Held(msgspec.Struct, frozen=True):
    """A person whose row was written, and the person's devices as of then."""

    person: str
    subs: list[int]


async def add(db: Queryable, app: App, number: int, *, persons: Sequence[str], devices: Sequence[int]) -> Members:
    """Puts these people, known or not, and these devices on the list, each named once."""
    changed = unchanged = 0
    if persons:
        keyed = await _keyed(db, app, persons)
        unchanged = await _on_list(db, app.id, number, keyed)
        held = await _patiently(lambda: _add_persons(db, app.id, number, keyed))
        if owned := _owned(app, held):
            await _patiently(lambda: _copy_to_devices(db, app.id, number, owned))
        changed = len(keyed) - unchanged
    return await _with_devices(db, app, number, devices, _add_devices, changed=changed, unchanged=unchanged)


async def remove(db: Queryable, app: App, number: int, *, persons: Sequence[str], devices: Sequence[int]) -> Members:
    """Takes these people and devices off the list, as far as they are on it."""
    changed = unchanged = 0
    if persons:
        keyed = await _keyed(db, app, persons)
        changed = await _on_list(db, app.id, number, keyed)
        held = await _patiently(lambda: _remove_persons(db, app.id, number, keyed))
        if owned := _owned(app, held):
            await _patiently(lambda: _drop_from_devices(db, app.id, number, owned))
        unchanged = len(keyed) - changed
    return await _with_devices(db, app, number, devices, _remove_devices, changed=changed, unchanged=unchanged)


async def _with_devices(
    db: Queryable,
    app: App,
    number: int,
    devices: Sequence[int],
    write: Callable[[Queryable, App, int, Sequence[int]], Awaitable[int]],
    *,
    changed: int,
    unchanged: int,
) -> Members:
    """What became of a whole batch, so many people and now its devices."""
    if not devices:
        return Members(changed, unchanged, frozenset())
    known = await _known(db, app, devices)
    written = await _patiently(lambda: write(db, app, number, devices))
    return Members(changed + written, unchanged + len(known) - written, frozenset(devices) - known)


async def _keyed(db: Queryable, app: App, persons: Sequence[str]) -> list[tuple[int, str]]:
    """These people by their own names, each once, in the order in which rows are locked everywhere."""
    own = await names_of(db, app, persons)
    return sorted({(person_bucket_of(app, name), name) for name in (own.get(one, one) for one in persons)})


def _owned(app: App, held: Sequence[_Held]) -> list[tuple[int, int, str]]:
    """(bucket, id, person) of every device, in the order in which rows are locked everywhere."""
    return sorted((bucket_of(app, one), one, of.person) for of in held for one in of.subs)


async def _patiently(write: Callable[[], Awaitable[_T]]) -> _T:
    """Again, where somebody else took the same rows in another order in the same moment."""
    for attempt in range(1, IMPORT_ATTEMPTS_MAX + 1):
        try:
            return await write()
        except StoreUnavailable as fault:
            if not was_deadlock(fault):
                raise
        await asyncio.sleep(_PAUSE_S * attempt)
    raise StoreUnavailable("The same rows are being changed elsewhere all the time; try again.")


async def _on_list(db: Queryable, app_id: int, number: int, keyed: Sequence[tuple[int, str]]) -> int:
    """How many of these people are on the list."""
    return await db.fetchval(
        """
        SELECT count(*) FROM unnest($2::smallint[], $3::text[]) AS n (bucket, person)
        JOIN persons AS p ON p.bucket = n.bucket AND p.person = n.person
        WHERE p.app_id = $1 AND p.bucket = ANY($4::smallint[]) AND p.lists @> ARRAY[$5::int]
        """,
        app_id,
        [bucket for bucket, _ in keyed],
        [person for _, person in keyed],
        list({bucket for bucket, _ in keyed}),
        number,
    )


async def _add_persons(db: Queryable, app_id: int, number: int, keyed: Sequence[tuple[int, str]]) -> list[_Held]:
    """Writes every row, those on the list as well: a lock tells which devices there are at the moment."""
    rows = await db.fetch(
        """
        INSERT INTO persons (app_id, bucket, person, lists)
        SELECT $1, bucket, person, ARRAY[$4::int] FROM unnest($2::smallint[], $3::text[]) AS n (bucket, person)
        ON CONFLICT (app_id, bucket, person)
        DO UPDATE SET lists = array_append(array_remove(coalesce(persons.lists, '{}'), $4), $4)
        RETURNING person, subs
        """,
        app_id,
        [bucket for bucket, _ in keyed],
        [person for _, person in keyed],
        number,
    )
    return [_Held(row["person"], row["subs"]) for row in rows]


async def _remove_persons(db: Queryable, app_id: int, number: int, keyed: Sequence[tuple[int, str]]) -> list[_Held]:
    """Also who is not on it is written: a device may still have the number, from an upload that broke off."""
    rows = await db.fetch(
        """
        UPDATE persons AS p SET lists = nullif(array_remove(p.lists, $5::int), '{}')
        FROM unnest($2::smallint[], $3::text[]) AS n (bucket, person)
        WHERE p.app_id = $1 AND p.bucket = ANY($4::smallint[]) AND p.bucket = n.bucket AND p.person = n.person
        RETURNING p.person, p.subs
        """,
        app_id,
        [bucket for bucket, _ in keyed],
        [person for _, person in keyed],
        list({bucket for bucket, _ in keyed}),
        number,
    )
    return [_Held(row["person"], row["subs"]) for row in rows]


async def _copy_to_devices(db: Queryable, app_id: int, number: int, owned: Sequence[tuple[int, int, str]]) -> None:
    """Devices that went to somebody else meanwhile have the other's lists."""
    await db.execute(
        """
        UPDATE subscriptions AS s SET person_lists = array_append(coalesce(s.person_lists, '{}'), $6::int)
        FROM unnest($2::smallint[], $3::bigint[], $4::text[]) AS n (bucket, id, person)
        WHERE s.app_id = $1 AND s.bucket = ANY($5::smallint[]) AND s.bucket = n.bucket AND s.id = n.id
          AND s.person = n.person AND (s.person_lists IS NULL OR NOT s.person_lists @> ARRAY[$6::int])
        """,
        app_id,
        *([list(column) for column in zip(*owned, strict=True)]),
        list({bucket for bucket, _, _ in owned}),
        number,
    )


async def _drop_from_devices(db: Queryable, app_id: int, number: int, owned: Sequence[tuple[int, int, str]]) -> None:
    await db.execute(
        """
        UPDATE subscriptions AS s SET person_lists = nullif(array_remove(s.person_lists, $6::int), '{}')
        FROM unnest($2::smallint[], $3::bigint[], $4::text[]) AS n (bucket, id, person)
        WHERE s.app_id = $1 AND s.bucket = ANY($5::smallint[]) AND s.bucket = n.bucket AND s.id = n.id
          AND s.person = n.person AND s.person_lists @> ARRAY[$6::int]
        """,
        app_id,
        *([list(column) for column in zip(*owned, strict=True)]),
        list({bucket for bucket, _, _ in owned}),
        number,
    )


async def _known(db: Queryable, app: App, devices: Sequence[int]) -> set[int]:
    """Which of these devices exist, whatever their state."""
    rows = await db.fetch(
        """
        SELECT s.id FROM unnest($2::smallint[], $3::bigint[]) AS n (bucket, id)
        JOIN subscriptions AS s ON s.bucket = n.bucket AND s.id = n.id
        WHERE s.app_id = $1 AND s.bucket = ANY($4::smallint[])
        """,
        app.id,
        [bucket_of(app, one) for one in devices],
        list(devices),
        list({bucket_of(app, one) for one in devices}),
    )
    return {row["id"] for row in rows}


async def _add_devices(db: Queryable, app: App, number: int, devices: Sequence[int]) -> int:
    """How many of these devices came onto the list."""
    tag = await db.execute(
        """
        UPDATE subscriptions AS s SET lists = array_append(coalesce(s.lists, '{}'), $5::int)
        FROM unnest($2::smallint[], $3::bigint[]) AS n (bucket, id)
        WHERE s.app_id = $1 AND s.bucket = ANY($4::smallint[]) AND s.bucket = n.bucket AND s.id = n.id
          AND (s.lists IS NULL OR NOT s.lists @> ARRAY[$5::int])
        """,
        app.id,
        [bucket_of(app, one) for one in devices],
        list(devices),
        list({bucket_of(app, one) for one in devices}),
        number,
    )
    return _count(tag)


async def _remove_devices(db: Queryable, app: App, number: int, devices: Sequence[int]) -> int:
    """How many of these devices were taken off."""
    tag = await db.execute(
        """
        UPDATE subscriptions AS s SET lists = nullif(array_remove(s.lists, $5::int), '{}')
        FROM unnest($2::smallint[], $3::bigint[]) AS n (bucket, id)
        WHERE s.app_id = $1 AND s.bucket = ANY($4::smallint[]) AND s.bucket = n.bucket AND s.id = n.id
          AND s.lists @> ARRAY[$5::int]
        """,
        app.id,
        [bucket_of(app, one) for one in devices],
        list(devices),
        list({bucket_of(app, one) for one in devices}),
        number,
    )
    return _count(tag)


async def count_persons(db: Queryable, app: App, number: int) -> int:
    """How many people are on the list (index persons_lists), with or without devices."""
    return await db.fetchval(
        "SELECT count(*) FROM persons WHERE app_id = $1 AND bucket = ANY($2::smallint[])"
        " AND lists IS NOT NULL AND lists @> ARRAY[$3::int]",
        app.id,
        app.buckets,
        number,
    )


async def lists_of(db: Queryable, app: App, person: str, devices: Sequence[int]) -> list[str]:
    """The slugs of the lists that a person, or one of these devices, is on."""
    rows = await db.fetch(
        """
        SELECT slug FROM lists WHERE app_id = $1 AND number = ANY(ARRAY(
            SELECT unnest(lists) FROM persons WHERE app_id = $1 AND bucket = $2 AND person = $3
            UNION SELECT unnest(lists) FROM subscriptions
                   WHERE app_id = $1 AND bucket = ANY($4::smallint[]) AND id = ANY($5::bigint[])))
        ORDER BY slug
        """,
        app.id,
        person_bucket_of(app, person),
        person,
        list({bucket_of(app, one) for one in devices}),
        list(devices),
    )
    return [row["slug"] for row in rows]


async def count_devices(db: Queryable, app: App, number: int) -> int:
    """How many devices that can be sent to are on the list (indexes subscriptions_lists, ..._person_lists)."""
    return await db.fetchval(
        "SELECT count(*) FROM subscriptions WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND state = 0"
        " AND ((lists IS NOT NULL AND lists @> ARRAY[$3::int])"
        "  OR (person_lists IS NOT NULL AND person_lists @> ARRAY[$3::int]))",
        app.id,
        app.buckets,
        number,
    )


def _count(tag: str) -> int:
    return affected(tag)
