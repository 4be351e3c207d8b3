"""Thousands of devices at once: what an import writes, in transactions of up to 2,000 rows.

A batch is a few statements whatever its size: take the addresses that are free, look up whose the others are, insert,
update, and mend the map of people. Locks are taken in one order (addresses, devices, people; each in the order of their
keys), so imports and opt-ins wait for one another and do not deadlock; where they do all the same, the batch is tried
again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import asyncpg
import msgspec

from gateway.model.app import App
from gateway.model.consent import ConsentAct, ConsentRecord
from gateway.model.errors import StoreUnavailable
from gateway.model.ids import new_id
from gateway.model.limits import CONSENTS_PER_DEVICE_MAX, IMPORT_ATTEMPTS_MAX, SUBSCRIPTIONS_PER_PERSON_MAX
from gateway.model.subscriber import SubscriptionState
from gateway.store import consents, copies
from gateway.store.database import Queryable, Record
from gateway.store.faults import was_deadlock
from gateway.store.persons import Renamed, give_lists, names_of, person_bucket_of, shed
from gateway.store.subscriptions import address_bucket_of, bucket_of

_PAUSE_S: Final = 0.05


class ImportedDevice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row to write. None: not said, which leaves a known device as it is. JSON columns come as their text.

    `line`: where it stands in the file.
    """

    line: int
    address_hash: bytes
    wanted_id: int | None
    provider: str
    credential_id: int
    wire: bytes
    state: int
    platform: int | None
    platform_unsaid: int
    """What a new device is where nobody says."""
    person: str | None
    topics: tuple[int, ...] | None
    attrs: str | None
    locale: str | None
    timezone: str | None
    country: str | None
    consent: str | None
    created_at: datetime | None


class Written(msgspec.Struct, frozen=True):
    """What became of a batch. full: lines left out, as the ledger of consents takes no more of their devices."""

    inserted: int
    updated: int
    full: list[int]


class Held(msgspec.Struct, frozen=True):
    """What a known device had before: whose it was, and what was agreed to."""

    person: str | None
    state: int
    topics: frozenset[int]
    consent: dict[str, Any] | None


class Ledger(Protocol):
    """What an import is to the ledger of consents."""

    def judged(self, device: ImportedDevice, held: Held | None) -> tuple[ImportedDevice, Sequence[ConsentAct]]:
        """The row as it is to be written, and what it does; held None: the device is new."""
        ...

    def records(
        self, subscription_id: int, device: ImportedDevice, held: Held | None, acts: Sequence[ConsentAct],
        last: tuple[int, bytes],
    ) -> list[ConsentRecord]:  # fmt: skip
        """The records of what it does, behind the device's last one (number and hash)."""
        ...


class _People(msgspec.Struct, frozen=True):
    """Whose devices changed: who has too many of them now, and whose devices carry a copy that is behind."""

    crowded: list[str]
    behind: set[str]


class _Placed(msgspec.Struct, frozen=True, gc=False):
    """A row and the device that it is about."""

    device: ImportedDevice
    id: int
    bucket: int


class _Told(msgspec.Struct, frozen=True):
    """A row that is something to the ledger, and the last record of its device."""

    placed: _Placed
    acts: Sequence[ConsentAct]
    last: tuple[int, bytes]

    @property
    def is_full(self) -> bool:
        """Whether there is no room for it. Whoever takes consent back always may."""
        return self.last[0] + len(self.acts) > CONSENTS_PER_DEVICE_MAX and set(self.acts) != {ConsentAct.WITHDRAWN}


async def write(db: Queryable, app: App, devices: Sequence[ImportedDevice], *, ledger: Ledger) -> Written:
    """Inserts the new devices and updates the known ones, all or none of them; each address occurs once.

    What changes a consent or topics is written down with it.
    """
    for attempt in range(1, IMPORT_ATTEMPTS_MAX + 1):
        try:
            named = await _with_own_names(db, app, devices)
            async with db.transaction() as tx:
                written, people = await _write(tx, app, named, ledger)
        except (StoreUnavailable, asyncpg.UniqueViolationError, Renamed) as fault:
            # Somebody else took the same rows, or an id or a name that the file wants, in the same moment.
            if isinstance(fault, StoreUnavailable) and not was_deadlock(fault):
                raise
            await asyncio.sleep(_PAUSE_S * attempt)
        else:
            for person in people.crowded:
                await shed(db, app, person)
            if people.behind:
                await copies.copy(db, app, sorted(people.behind))
            return written
    raise StoreUnavailable("The same devices are being changed elsewhere all the time; try again.")


async def _with_own_names(db: Queryable, app: App, devices: Sequence[ImportedDevice]) -> Sequence[ImportedDevice]:
    """The devices by the own names of their people, where a line has another name of somebody."""
    said = {one.person for one in devices if one.person is not None}
    others = await names_of(db, app, sorted(said)) if said else {}
    if not others:
        return devices
    return [
        msgspec.structs.replace(one, person=others.get(one.person, one.person)) if one.person is not None else one
        for one in devices
    ]


async def _write(db: Queryable, app: App, devices: Sequence[ImportedDevice], ledger: Ledger) -> tuple[Written, _People]:
    placed, owned = await _place(db, app, devices)
    held = await _lock(db, app, [one for one in placed if one.id in owned]) if owned else {}
    placed, told = await _judge(db, app, placed, held, ledger)
    full = {one.placed.id for one in told if one.is_full and one.placed.id in held}
    new = [one for one in placed if one.id not in held]
    known = [one for one in placed if one.id in held and one.id not in full]
    if new:
        await _insert(db, app, new)
    if known:
        await _update(db, app, known)
    await _tell(db, app, [one for one in told if not one.is_full], held, ledger)
    people = await _attach(db, app, new, known, held)
    return Written(len(new), len(known), [one.device.line for one in placed if one.id in full]), people


async def _judge(
    db: Queryable, app: App, placed: Sequence[_Placed], held: Mapping[int, Held], ledger: Ledger
) -> tuple[list[_Placed], list[_Told]]:
    """The rows as they are to be written, and those that are something to the ledger."""
    rows: list[_Placed] = []
    acting: list[tuple[_Placed, Sequence[ConsentAct]]] = []
    for one in placed:
        device, acts = ledger.judged(one.device, held.get(one.id))
        rows.append(msgspec.structs.replace(one, device=device))
        if acts:
            acting.append((rows[-1], acts))
    last = await consents.last_of_many(db, app, [one.id for one, _ in acting]) if acting else {}
    return rows, [_Told(one, acts, last.get(one.id, (0, b""))) for one, acts in acting]


async def _tell(db: Queryable, app: App, told: Sequence[_Told], held: Mapping[int, Held], ledger: Ledger) -> None:
    """Writes to the ledger, and notes the addresses of those who left."""
    records = [
        record
        for one in told
        for record in ledger.records(
            one.placed.id, one.placed.device, held.get(one.placed.id), one.acts, one.last
        )
    ]  # fmt: skip
    if records:
        await consents.add_many(db, app, records)
    left = [one.placed.device.address_hash for one in told if ConsentAct.WITHDRAWN in one.acts]
    if left:
        await consents.withdraw(db, app, left)


async def _place(db: Queryable, app: App, devices: Sequence[ImportedDevice]) -> tuple[list[_Placed], set[int]]:
    """Finds the device of each address; a free address becomes that of a new device. Also: which were owned before."""
    taken = await _taken_ids(db, app, [one.wanted_id for one in devices if one.wanted_id is not None])
    by_hash = {one.address_hash: one for one in devices}
    ids: dict[bytes, int] = {}
    for one in devices:
        is_free = one.wanted_id is not None and one.wanted_id not in taken
        ids[one.address_hash] = one.wanted_id if is_free and one.wanted_id is not None else new_id()
        taken.add(ids[one.address_hash])
    owners = await _take_addresses(db, app, ids)
    ids |= owners
    placed = [_Placed(by_hash[hashed], number, bucket_of(app, number)) for hashed, number in ids.items()]
    return sorted(placed, key=lambda one: (one.bucket, one.id)), set(owners.values())


async def _taken_ids(db: Queryable, app: App, wanted: Sequence[int]) -> set[int]:
    if not wanted:
        return set()
    buckets = [bucket_of(app, one) for one in wanted]
    rows = await db.fetch(
        """
        SELECT s.id FROM unnest($2::smallint[], $3::bigint[]) AS n (bucket, id)
        JOIN subscriptions AS s ON s.bucket = n.bucket AND s.id = n.id
        WHERE s.app_id = $1 AND s.bucket = ANY($4::smallint[])
        """,
        app.id,
        buckets,
        list(wanted),
        list(set(buckets)),
    )
    return {row["id"] for row in rows}


async def _take_addresses(db: Queryable, app: App, ids: Mapping[bytes, int]) -> dict[bytes, int]:
    """Whose those addresses are that were taken already."""
    wanted = sorted((address_bucket_of(app, hashed), hashed, number) for hashed, number in ids.items())
    rows = await db.fetch(
        """
        INSERT INTO addresses (app_id, bucket, hash, subscription_id)
        SELECT $1, bucket, hash, id FROM unnest($2::smallint[], $3::bytea[], $4::bigint[]) AS n (bucket, hash, id)
        ON CONFLICT DO NOTHING RETURNING hash
        """,
        app.id,
        *([list(column) for column in zip(*wanted, strict=True)]),
    )
    won = {row["hash"] for row in rows}
    lost = [(bucket, hashed) for bucket, hashed, _ in wanted if hashed not in won]
    return await _owners(db, app, lost) if lost else {}


async def _owners(db: Queryable, app: App, addresses: Sequence[tuple[int, bytes]]) -> dict[bytes, int]:
    rows = await db.fetch(
        """
        SELECT a.hash, a.subscription_id FROM unnest($2::smallint[], $3::bytea[]) AS n (bucket, hash)
        JOIN addresses AS a ON a.bucket = n.bucket AND a.hash = n.hash
        WHERE a.app_id = $1 AND a.bucket = ANY($4::smallint[])
        """,
        app.id,
        [bucket for bucket, _ in addresses],
        [hashed for _, hashed in addresses],
        list({bucket for bucket, _ in addresses}),
    )
    return {row["hash"]: row["subscription_id"] for row in rows}


async def _lock(db: Queryable, app: App, placed: Sequence[_Placed]) -> dict[int, Held]:
    """The devices that exist already, locked, as they are."""
    rows = await db.fetch(
        """
        SELECT s.id, s.person, s.state, s.topics, s.consent FROM unnest($2::smallint[], $3::bigint[]) AS n (bucket, id)
        JOIN subscriptions AS s ON s.bucket = n.bucket AND s.id = n.id
        WHERE s.app_id = $1 AND s.bucket = ANY($4::smallint[])
        ORDER BY s.bucket, s.id FOR UPDATE OF s
        """,
        app.id,
        [one.bucket for one in placed],
        [one.id for one in placed],
        list({one.bucket for one in placed}),
    )
    return {
        row["id"]: Held(row["person"], row["state"], frozenset(row["topics"]), row["consent"]) for row in rows
    }  # fmt: skip


async def _insert(db: Queryable, app: App, placed: Sequence[_Placed]) -> None:
    await db.execute(
        """
        INSERT INTO subscriptions (app_id, bucket, id, provider, state, credential_id, wire, platform, person, topics,
                                   attrs, locale, timezone, country, consent, created_at, address_hash, ended_at)
        SELECT $1, bucket, id, provider, state, credential_id, wire, platform, person,
               coalesce(topics::int[], '{}'), attrs::jsonb, locale, timezone, country, consent::jsonb,
               coalesce(created_at, now()), address_hash, CASE WHEN state <> 0 THEN now() END
        FROM unnest($2::smallint[], $3::bigint[], $4::text[], $5::smallint[], $6::smallint[], $7::bytea[],
                    $8::smallint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                    $15::text[], $16::timestamptz[], $17::bytea[])
             AS n (bucket, id, provider, state, credential_id, wire, platform, person, topics, attrs, locale, timezone,
                   country, consent, created_at, address_hash)
        """,
        app.id,
        *_columns(placed, are_new=True),
    )


async def _update(db: Queryable, app: App, placed: Sequence[_Placed]) -> None:
    """Writes only rows that differ. A device that left stays so: an older list must not bring it back.

    A device that moved to another address in this moment stays there.
    """
    await db.execute(
        """
        UPDATE subscriptions AS s
        SET provider = n.provider, credential_id = n.credential_id, wire = n.wire,
            registered_at = CASE WHEN s.wire = n.wire THEN s.registered_at ELSE now() END,
            state = CASE WHEN n.state = $19 THEN n.state ELSE s.state END,
            ended_at = CASE WHEN n.state = $19 THEN coalesce(s.ended_at, now()) ELSE s.ended_at END,
            platform = coalesce(n.platform, s.platform), person = coalesce(n.person, s.person),
            facts = CASE WHEN coalesce(n.person, s.person) IS DISTINCT FROM s.person THEN NULL ELSE s.facts END,
            topics = coalesce(n.topics::int[], s.topics),
            attrs = CASE WHEN n.attrs IS NULL THEN s.attrs ELSE coalesce(s.attrs, '{}') || n.attrs::jsonb END,
            locale = coalesce(n.locale, s.locale), timezone = coalesce(n.timezone, s.timezone),
            country = coalesce(n.country, s.country), consent = coalesce(n.consent::jsonb, s.consent),
            created_at = coalesce(n.created_at, s.created_at),
            person_lists = CASE WHEN coalesce(n.person, s.person) = s.person THEN s.person_lists END
        FROM unnest($2::smallint[], $3::bigint[], $4::text[], $5::smallint[], $6::smallint[], $7::bytea[],
                    $8::smallint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                    $15::text[], $16::timestamptz[], $17::bytea[])
             AS n (bucket, id, provider, state, credential_id, wire, platform, person, topics, attrs, locale, timezone,
                   country, consent, created_at, address_hash)
        WHERE s.app_id = $1 AND s.bucket = ANY($18::smallint[]) AND s.bucket = n.bucket AND s.id = n.id
          AND s.address_hash = n.address_hash
          AND (s.provider, s.credential_id, s.wire, s.state, s.platform, s.person, s.topics, s.attrs, s.locale,
               s.timezone, s.country, s.consent, s.created_at)
              IS DISTINCT FROM
              (n.provider, n.credential_id, n.wire, CASE WHEN n.state = $19 THEN n.state ELSE s.state END,
               coalesce(n.platform, s.platform), coalesce(n.person, s.person), coalesce(n.topics::int[], s.topics),
               CASE WHEN n.attrs IS NULL THEN s.attrs ELSE coalesce(s.attrs, '{}') || n.attrs::jsonb END,
               coalesce(n.locale, s.locale), coalesce(n.timezone, s.timezone), coalesce(n.country, s.country),
               coalesce(n.consent::jsonb, s.consent), coalesce(n.created_at, s.created_at))
        """,
        app.id,
        *_columns(placed, are_new=False),
        list({one.bucket for one in placed}),
        int(SubscriptionState.LEFT),
    )


def _columns(placed: Sequence[_Placed], *, are_new: bool) -> list[list[object]]:
    """The arguments $2 to $17 of both statements."""
    rows = (
        (
            one.bucket,
            one.id,
            device.provider,
            device.state,
            device.credential_id,
            device.wire,
            device.platform_unsaid if are_new and device.platform is None else device.platform,
            device.person,
            None if device.topics is None else _array(device.topics),
            device.attrs,
            device.locale,
            device.timezone,
            device.country,
            device.consent,
            device.created_at,
            device.address_hash,
        )
        for one in placed
        for device in (one.device,)
    )
    return [list(column) for column in zip(*rows, strict=True)]


async def _attach(
    db: Queryable, app: App, new: Sequence[_Placed], known: Sequence[_Placed], held: Mapping[int, Held]
) -> _People:
    """Mends the map of people."""
    moved = [one for one in known if one.device.person is not None and one.device.person != held[one.id].person]
    left: dict[str, list[int]] = {}
    joined: dict[str, list[int]] = {}
    for one in moved:
        before = held[one.id].person
        if before is not None:
            left.setdefault(before, []).append(one.id)
    for one in (*new, *moved):
        if one.device.person is not None:
            joined.setdefault(one.device.person, []).append(one.id)
    if left:
        await _remove(db, app, left)
    behind = set(left)
    if not joined:
        return _People([], behind)
    rows = await _add(db, app, joined)
    crowded = [row["person"] for row in rows if row["held"] > SUBSCRIPTIONS_PER_PERSON_MAX]
    return _People(crowded, behind | {row["person"] for row in rows if row["is_behind"]})


async def _remove(db: Queryable, app: App, left: Mapping[str, Sequence[int]]) -> None:
    keyed = sorted((person_bucket_of(app, person), person, _array(ids)) for person, ids in left.items())
    await db.execute(
        """
        UPDATE persons AS p
        SET subs = ARRAY(SELECT one FROM unnest(p.subs) WITH ORDINALITY AS held (one, place)
                         WHERE one <> ALL(n.ids::bigint[]) ORDER BY place),
            version = p.version + 1, changed_at = now()
        FROM unnest($2::smallint[], $3::text[], $4::text[]) AS n (bucket, person, ids)
        WHERE p.app_id = $1 AND p.bucket = ANY($2::smallint[]) AND p.bucket = n.bucket AND p.person = n.person
        """,
        app.id,
        *([list(column) for column in zip(*keyed, strict=True)]),
    )


async def _add(db: Queryable, app: App, joined: Mapping[str, Sequence[int]]) -> list[Record]:
    """A new person of one device has nothing to copy. Raises `Renamed` where a name leads to somebody else by now."""
    keyed = sorted((person_bucket_of(app, person), person, _array(ids)) for person, ids in joined.items())
    rows = await db.fetch(
        """
        INSERT INTO persons (app_id, bucket, person, subs, version)
        SELECT $1, bucket, person, ids::bigint[], CASE WHEN cardinality(ids::bigint[]) > 1 THEN 1 ELSE 0 END
        FROM unnest($2::smallint[], $3::text[], $4::text[]) AS n (bucket, person, ids)
        ON CONFLICT (app_id, bucket, person) DO UPDATE
            SET subs = persons.subs || excluded.subs, version = persons.version + 1, changed_at = now()
            WHERE persons.alias_of IS NULL
        RETURNING person, cardinality(subs) AS held, copied < version AS is_behind, lists
        """,
        app.id,
        *([list(column) for column in zip(*keyed, strict=True)]),
    )
    if len(rows) < len(keyed):
        raise Renamed
    listed = {one: row["lists"] for row in rows if row["lists"] for one in joined[row["person"]]}
    if listed:
        await give_lists(db, app, listed)
    return rows


def _array(ids: Sequence[int]) -> str:
    return f"{{{','.join(map(str, ids))}}}"
