"""How many rows a second an import stores: new ones, and ones that are known already (same, and changed).

python -m benchmarks.micro.import_rows [--rows 50000] [--spread 1]
"""

import argparse
import asyncio
import os
import random
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from benchmarks.peers.steeple_path import OwnTokens
from gateway.config import Settings
from gateway.model.app import App
from gateway.store import apps
from gateway.store.database import Database
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.migrate import migrate
from gateway.subscribers.transfer import Transfer
from gateway.tenancy.apps import create_app
from gateway.tenancy.installation import ensure_installation, open_vault
from gateway.tenancy.keyring import Keyring
from gateway.transports import find
from gateway.transports.base import Wire
from gateway.wire.base64url import encode_base64url
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient
from gateway.wire.vapid import VapidKey

KEY_PAIRS = 500
"""Making one takes longer than importing a row; checking one takes as long whether it occurs once or often."""


def lines(rows: int) -> list[bytes]:
    """Subscriptions as a shop would bring them: with a user, two topics, a language and a zone."""
    keys = [encode_base64url(VapidKey.generate().public) for _ in range(KEY_PAIRS)]
    return [
        msgspec.json.encode(
            {
                "channel": "webpush",
                "endpoint": f"https://fcm.googleapis.com/fcm/send/{secrets.token_urlsafe(100)}",
                "keys": {"p256dh": keys[number % KEY_PAIRS], "auth": secrets.token_urlsafe(16)},
                "user": f"cust-{number}",
                "topics": ["news", f"t{number % 20}"],
                "tags": {"plan": "gold", "visits": number % 50},
                "language": "nl",
                "timezone": "Europe/Amsterdam",
                "country": "NL",
                "created_at": "2026-01-02T03:04:05Z",
            }
        )
        for number in range(rows)
    ]


async def each(given: list[bytes]) -> AsyncIterator[bytes]:
    """The lines, one after the other."""
    for line in given:
        yield line


async def measure(name: str, transfer: Transfer, app: App, given: list[bytes]) -> None:
    """Imports the lines and prints what it took."""
    started_s, cpu_s = time.perf_counter(), time.process_time()
    report = await transfer.import_subscriptions(app, each(given))
    wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
    assert not report.rejected, report.errors[:3]
    print(
        f"{name:28} {len(given) / wall_s:9,.0f} rows/s   {wall_s / len(given) * 1e6:6.1f} us/row"
        f"   of which Python {cpu_s / len(given) * 1e6:5.1f} us   {report.imported} new, {report.updated} known"
    )


async def export(transfer: Transfer, app: App) -> None:
    """Reads all of them back."""
    started_s = time.perf_counter()
    rows = 0
    async for piece in transfer.export_subscriptions(app):
        rows += piece.count(b"\n")
    print(f"{'export':28} {rows / (time.perf_counter() - started_s):9,.0f} rows/s")


async def run(rows: int, spread: int, folder: Path) -> None:
    """A Postgres of its own, durable, then the three imports."""
    server = EmbeddedPostgres(folder / "data")
    await server.start()
    database = await Database.open(server.dsn)
    await migrate(server.dsn)
    vault = await open_vault(Settings(data_dir=str(folder / "key")), database)
    await ensure_installation(database, vault)
    app = (await create_app(database, vault, name="bench", origins=[], subject="mailto:push@shop.example")).app
    await database.execute("UPDATE apps SET spread = $1", spread)
    app = await apps.get(database, app.id) or app
    provider = find("webpush")
    egress = EgressPolicy.of(defaults=provider.hosts)
    http = HttpClient(egress, connections_max=1)
    wire = Wire(egress=egress, http=http, clock=time.time, tokens=OwnTokens(), dice=random.SystemRandom())
    transport = provider(wire)
    transfer = Transfer(database, Keyring(database, vault), {"webpush": transport})
    given = await asyncio.to_thread(lines, rows)
    changed = [line.replace(b'"gold"', b'"silver"') for line in given]
    await measure("new", transfer, app, given)
    await measure("known, nothing different", transfer, app, given)
    await measure("known, a tag different", transfer, app, changed)
    await export(transfer, app)
    await http.aclose()
    await database.close()
    await server.stop()


def cpu_model() -> str:
    """The processor, as /proc/cpuinfo names it."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return models[0].partition(":")[2].strip() if models else "unknown"


def main() -> None:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--spread", type=int, default=1)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="steeple-bench-"))
    folder.chmod(0o711)
    print(f"{cpu_model()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {asked.rows} rows")
    try:
        asyncio.run(run(asked.rows, asked.spread, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
