"""Moving devices in and out by the thousand, as lines of JSON.

An import reads while the database writes: while one batch of 2,000 is on its way, the next is decoded and checked, in
small steps so that the process goes on answering others. Batches commit one by one; a line that is wrong is reported
and left out; running the same file again changes nothing that is not different in it.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from gateway.model.app import App
from gateway.model.errors import Conflict, GatewayError
from gateway.model.limits import CONSENTS_PER_DEVICE_MAX, EXPORT_PAGE_ROWS, TOPICS_PER_APP_MAX
from gateway.store import subscriptions, topics, transfer
from gateway.store.credentials import list_of_app as credentials_of_app
from gateway.store.database import Queryable
from gateway.store.transfer import ImportedDevice, Ledger
from gateway.subscribers.consent_imports import ImportLedger
from gateway.subscribers.imports import ImportReport, Tally, batches
from gateway.subscribers.rows import Draft, LineReader, line_of, overlay
from gateway.subscribers.topics import made
from gateway.subscribers.under_way import UnderWay
from gateway.transports.base import Credential, Transport


class TransferKeys(Protocol):
    """Where an app's keys are found."""

    async def credentials(self, app_id: int) -> Mapping[int, Credential]:
        """The live credentials by number."""
        ...

    async def address_key(self) -> bytes:
        """What address hashes are made with."""
        ...


class Transfer:
    """Imports into and exports from the apps of this process."""

    def __init__(self, db: Queryable, keys: TransferKeys, transports: Mapping[str, Transport]) -> None:
        self._db = db
        self._keys = keys
        self._transports = transports

    async def import_subscriptions(
        self,
        app: App,
        lines: AsyncIterator[bytes],
        *,
        on_progress: Callable[[int], None] | None = None,
        now: datetime | None = None,
    ) -> ImportReport:
        """Stores the devices of all lines that can be read. `on_progress` gets the number of lines dealt with.

        Raises `StoreUnavailable` when the database goes away meanwhile: what was committed stays, and the same file
        can be sent again. A line may be as long as it likes; one over 16 KiB is refused (see `rows.lines_of`).
        """
        now = now or datetime.now(UTC)
        reader = LineReader(
            self._transports,
            list((await self._keys.credentials(app.id)).values()),
            address_key=await self._keys.address_key(),
            now=now,
        )
        tally = Tally()
        resolver = _Topics(self._db, app)
        writer = _Writer(self._db, app, tally, ImportLedger(app, now=now, names=resolver.names))
        async with UnderWay() as under_way:
            async for drafts in batches(lines, tally, reader.read):
                devices = _distinct(await resolver.resolved(drafts, tally), tally)
                await under_way.room_for(devices.keys())
                if devices:
                    under_way.begin(devices.keys(), writer.write(devices))
                if on_progress is not None:
                    on_progress(tally.count)
        return tally.report()

    async def export_subscriptions(self, app: App, *, now: datetime | None = None) -> AsyncIterator[bytes]:
        """Every device as `import_subscriptions` reads it, in pieces of whole lines.

        Read page by page: who enrols meanwhile may or may not be in it. Devices of a provider that is not installed
        are left out.
        """
        now = now or datetime.now(UTC)
        topic_names = {one.id: one.slug for one in await topics.list_of_app(self._db, app.id)}
        credential_ids = {one.id: one.public_id for one in await credentials_of_app(self._db, app.id)}
        after: int | None = None
        while page := await subscriptions.list_page(self._db, app, after, EXPORT_PAGE_ROWS):
            after = page[-1].id
            yield b"".join(
                line_of(
                    one, self._transports[one.provider], topic_names=topic_names, credential_ids=credential_ids, now=now
                ) + b"\n"
                for one in page
                if one.provider in self._transports
            )  # fmt: skip


class _Writer:
    """Writes batches of devices, and counts what became of them."""

    def __init__(self, db: Queryable, app: App, tally: Tally, ledger: Ledger) -> None:
        self._db = db
        self._app = app
        self._ledger = ledger
        self._tally = tally

    async def write(self, devices: Mapping[bytes, ImportedDevice]) -> None:
        """Stores the devices of one batch, by their addresses."""
        written = await transfer.write(self._db, self._app, list(devices.values()), ledger=self._ledger)
        self._tally.imported += written.inserted
        self._tally.updated += written.updated
        for line in written.full:
            self._tally.reject(line, _no_record())


def _distinct(devices: Sequence[ImportedDevice], tally: Tally) -> dict[bytes, ImportedDevice]:
    """One row for each address. A line that repeats one counts as an update of it."""
    by_address: dict[bytes, ImportedDevice] = {}
    for device in devices:
        earlier = by_address.get(device.address_hash)
        if earlier is not None:
            tally.updated += 1
            device = overlay(earlier, device)  # noqa: PLW2901 - the row is the two lines together
        by_address[device.address_hash] = device
    return by_address


class _Topics:
    """The numbers of topics by name, for the length of one import; new names become topics."""

    def __init__(self, db: Queryable, app: App) -> None:
        self._db = db
        self._app = app
        self._known: dict[str, int] = {}

    def names(self, numbers: Iterable[int]) -> list[str]:
        """The names of topics that the file has told of, by their numbers."""
        wanted = set(numbers)
        return [slug for slug, number in self._known.items() if number in wanted]

    async def resolved(self, drafts: Sequence[Draft], tally: Tally) -> list[ImportedDevice]:
        """The devices with their topics' numbers; a line whose topics find no room in the app is left out."""
        missing = {slug for draft in drafts for slug in draft.slugs or () if slug not in self._known}
        if missing:
            self._known |= await made(self._db, self._app, sorted(missing))
        devices: list[ImportedDevice] = []
        for draft in drafts:
            try:
                devices.append(self._with_numbers(draft))
            except KeyError:
                tally.reject(draft.line, _no_room())
        return devices

    def _with_numbers(self, draft: Draft) -> ImportedDevice:
        if draft.slugs is None:
            return draft.device
        numbers = tuple(sorted(self._known[slug] for slug in draft.slugs))
        return msgspec.structs.replace(draft.device, topics=numbers)


def _no_record() -> GatewayError:
    return Conflict("consents_too_many", f"The ledger takes {CONSENTS_PER_DEVICE_MAX} records of one device.")


def _no_room() -> GatewayError:
    return GatewayError("topics_too_many", f"The app has {TOPICS_PER_APP_MAX} topics, the most there may be.")
