"""An app with a pool of codes, in a fresh database."""

import itertools
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from gateway.coupons import pools, stock
from gateway.coupons.stock import StockReport
from gateway.delivery.coupons import Asked, CodeGiver
from gateway.model.app import App
from gateway.model.coupon import ConfirmedCode, Pool
from gateway.model.errors import NotFound
from gateway.model.ids import new_message_id
from gateway.store.database import Database
from gateway.tenancy.apps import create_app
from gateway.tenancy.installation import ensure_installation
from gateway.wire.vault import Vault, generate_master_key

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
_names = itertools.count()


async def _stream(lines: Iterable[str | bytes]) -> AsyncIterator[bytes]:
    for line in lines:
        yield line.encode() if isinstance(line, str) else line


class Till:
    """What a shop and the workers do with one pool."""

    def __init__(self, db: Database, app: App, pool: Pool) -> None:
        self.db = db
        self.app = app
        self.pool = pool
        self.message = new_message_id(app.home)

    async def app_of(self, app_id: int) -> App:
        """The app by its number."""
        if app_id != self.app.id:
            raise NotFound("app")
        return self.app

    async def load(self, lines: Iterable[str | bytes]) -> StockReport:
        """Codes from a list."""
        return await stock.load(self.db, self.app, self.pool, _stream(lines))

    async def generate(self, codes: int, pattern: str = "WINTER-####-????") -> StockReport:
        """Codes by a pattern."""
        dice = random.Random(next(_names))
        return await stock.generate(self.db, self.app, self.pool, pattern=pattern, codes=codes, choose=dice.choice)

    async def give(
        self,
        devices: dict[str, Sequence[int]],
        *,
        giver: CodeGiver | None = None,
        message: int | None = None,
        may_take: bool = True,
    ) -> dict[str, ConfirmedCode]:
        """What a worker does for a group."""
        asked = Asked(self.app, message or self.message, self.pool)
        return await (giver or CodeGiver(self.db)).codes_for(
            asked, devices, first_bucket=self.app.home, may_take=may_take
        )

    async def states(self) -> dict[int, int]:
        """How many codes are in which state."""
        rows = await self.db.fetch("SELECT state, count(*) AS n FROM coupon_codes GROUP BY state")
        return {row["state"]: row["n"] for row in rows}


@pytest.fixture
async def till(database: Database) -> Till:
    """An app that lies in four buckets, and an empty pool."""
    vault = Vault(generate_master_key())
    await ensure_installation(database, vault)
    made = await create_app(
        database, vault, name="shop", origins=["https://shop.example"], subject="mailto:push@shop.example"
    )
    await database.execute("UPDATE apps SET spread = 4 WHERE id = $1", made.app.id)
    app = msgspec.structs.replace(made.app, spread=4)
    pool = await pools.create(database, app, slug="winter", name="", expires_at=None, low_at=None, now=NOW)
    return Till(database, app, pool)
