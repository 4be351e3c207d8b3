"""Receipts and events of devices through the real API: how many a second one core takes, in twenties and one by one.

A gateway as it is served, with one API process and its Postgres, and load clients on loopback. Rates are items per
second of CPU of the API process, which is what a core of its own would take; Postgres is told apart. Every item is
counted again in the database afterwards.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from benchmarks import audience, machine
from benchmarks.ingest_client import Answer, Device, Order, What
from benchmarks.processes import CpuMeter, Level, MemoryWatch
from benchmarks.serving import Served, Shop, Stopped, served
from benchmarks.sink import running_sink
from gateway.config import Settings
from gateway.model.ids import to_text
from gateway.policy.receipt_token import ReceiptSigner
from gateway.tenancy.installation import open_vault
from gateway.tenancy.keyring import Keyring

RESULT: Final = Path(__file__).resolve().parent / "ingest.json"
"""The last run of full length, for the page."""
_SECRET: Final = "stpl_ds_" + "benchmark" * 4 + "{:0>7}"
"""As long as the real ones are; the digest is what costs."""


class Case(msgspec.Struct, frozen=True):
    """One load: what is posted, how many items a request, on how many connections, how many requests a second."""

    what: What
    size: int
    connections: int
    rate: float | None = None


CASES: Final = (
    Case("receipts", 20, 64),
    Case("receipts", 20, 64, 250.0),
    Case("receipts", 1, 512),
    Case("events", 20, 64),
    Case("events", 20, 64, 250.0),
    Case("events", 1, 512),
)


class Stage(msgspec.Struct, frozen=True, eq=False):
    """Whom the load is brought to, and by whom."""

    gateway: Served
    shop: Shop
    devices: list[Device]
    signer: ReceiptSigner

    async def counted(self, what: What) -> int:
        """How many the gateway knows of; a click comes with a `shown` that was there already."""
        if what == "receipts":
            return await self.gateway.db.fetchval("SELECT count(*) FROM receipts WHERE app_id = $1", self.shop.app.id)
        return await self.gateway.db.fetchval("SELECT count(*) FROM person_events WHERE app_id = $1", self.shop.app.id)

    def order(self, case: Case, *, seconds: float, warm_up_s: float) -> Order:
        """What the load client is to do."""
        address = urlsplit(self.gateway.url)
        assert address.hostname is not None
        assert address.port is not None
        return Order(
            host=address.hostname, port=address.port, what=case.what, size=case.size, connections=case.connections,
            seconds=seconds, warm_up_s=warm_up_s, rate=case.rate, devices=self.devices,
            app_id=self.signer.app_id, key_id=self.signer.key_id, secret=self.signer.secret,
        )  # fmt: skip


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What the load client saw of one case, and what it cost."""

    case: Case
    client: Answer
    api_us: float
    """CPU of the API process per item."""
    postgres_us: float
    memory_mb: Level
    """What the API process held."""

    @property
    def per_core(self) -> float:
        """Items a second that one core of the API process takes."""
        return 1e6 / self.api_us if self.api_us else 0.0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """All cases of one run."""

    at: datetime
    machine: machine.Machine
    load_before: float
    seconds: float
    devices: int
    cases: list[Taken]


async def measure(folder: Path, *, devices: int, seconds: float, warm_up_s: float, cases: tuple[Case, ...]) -> Run:
    """Runs the cases one after another. Raises `Stopped` when an item is lost or counted twice."""
    at, load_before = datetime.now(UTC), machine.load()
    with running_sink(folder / "sink") as sink:
        async with served(folder / "data", sink, workers=1) as gateway:
            shop = await gateway.new_shop("ingest")
            await audience.fill(gateway.db, shop.app, sink, rows=devices, persons=devices)
            stage = Stage(gateway, shop, await _with_secrets(gateway, shop), await _signer(gateway, shop))
            found = [await _run(stage, case, seconds=seconds, warm_up_s=warm_up_s) for case in cases]
    return Run(
        at=at, machine=machine.describe(), load_before=load_before, seconds=seconds, devices=devices, cases=found
    )


async def _with_secrets(gateway: Served, shop: Shop) -> list[Device]:
    """All devices of the app, each with a secret of its own."""
    rows = await gateway.db.fetch("SELECT id FROM subscriptions WHERE app_id = $1 ORDER BY id", shop.app.id)
    app = to_text("app", shop.app.public_id).removeprefix("app_")
    secrets = [_SECRET.format(number) for number in range(len(rows))]
    await gateway.db.execute(
        """
        UPDATE subscriptions AS s SET secret_hash = sha256(convert_to(n.secret, 'UTF8'))
        FROM unnest($2::bigint[], $3::text[]) AS n (id, secret) WHERE s.app_id = $1 AND s.id = n.id
        """,
        shop.app.id,
        [row["id"] for row in rows],
        secrets,
    )
    await gateway.db.execute("VACUUM (ANALYZE) subscriptions")
    return [
        Device(row["id"], to_text("sub", row["id"]), f"stpl_ds_{app}_{secret.removeprefix('stpl_ds_')}")
        for row, secret in zip(rows, secrets, strict=True)
    ]


async def _signer(gateway: Served, shop: Shop) -> ReceiptSigner:
    vault = await open_vault(Settings(data_dir=str(gateway.data_dir)), gateway.db)
    return await Keyring(gateway.db, vault).receipt_signer(shop.app.id)


async def _run(stage: Stage, case: Case, *, seconds: float, warm_up_s: float) -> Taken:
    print(f"{datetime.now(UTC):%H:%M:%S} {_described(case)}", file=sys.stderr, flush=True)
    before = await stage.counted(case.what)
    meter = CpuMeter({name: stage.gateway.groups[name] for name in ("api", "postgres")}).start()
    async with MemoryWatch({"api": stage.gateway.pids["api"]}) as memory:
        client = await _client(stage.order(case, seconds=seconds, warm_up_s=warm_up_s))
    spent = meter.stop()
    counted = await stage.counted(case.what) - before
    if client.refused or counted != client.posted:
        raise Stopped(f"{client.posted} {case.what} were taken, {client.refused} refused, and {counted} counted.")
    return Taken(
        case=case,
        client=client,
        api_us=spent["api"] / max(1, client.posted) * 1e6,
        postgres_us=spent["postgres"] / max(1, client.posted) * 1e6,
        memory_mb=memory.seen()["api"],
    )


async def _client(order: Order) -> Answer:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.ingest_client", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(msgspec.json.encode(order))
    if process.returncode:
        raise Stopped("The load client failed; see above.")
    return msgspec.json.decode(output, type=Answer)


def _described(case: Case) -> str:
    items = "one" if case.size == 1 else str(case.size)
    pace = "as fast as it goes" if case.rate is None else f"{case.rate * case.size:,.0f} a second offered"
    return f"{case.what}, {items} a request, {pace}"


def section_of(run: Run) -> str:
    """The section of RESULTS.md."""
    rows = [
        f"| {_described(one.case)} | {one.per_core:,.0f} | {one.api_us:.0f} | {one.postgres_us:.0f} |"
        f" {one.client.taken / one.client.seconds:,.0f} | {one.client.p50_ms:.0f} | {one.client.p99_ms:.0f} |"
        f" {one.memory_mb.most:.0f} |\n"
        for one in run.cases
    ]
    return (
        "## Receipts and events\n\n"
        f"{run.at:%d %B %Y}, {run.machine.cpu}, {run.machine.cores} cores, load before the run {run.load_before:.1f}."
        f" {run.devices:,} devices,\n{run.seconds:g} s a line, one API process, load client and Postgres on the same"
        " cores. The goal is 5,000 items a\nsecond on one core of the API process, in twenties. An answer means that"
        " it is committed.\n\n"
        "| | items/s per core | API, us | Postgres, us | items/s here | answer p50, ms | p99 | MB |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    ) + "".join(rows)


def read_last() -> Run | None:
    """The last run of full length."""
    return msgspec.json.decode(RESULT.read_bytes(), type=Run) if RESULT.exists() else None
