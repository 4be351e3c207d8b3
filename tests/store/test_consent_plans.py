"""Who agreed to what is found by an index, however long the ledger is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest
import pytest_asyncio

from gateway.model.app import App
from gateway.store import consents
from gateway.store.database import Database
from tests.store.plans import plans
from tests.store.rows import drawn_ids, make_app

DEVICES: Final = 20_000
IDS: Final = drawn_ids(DEVICES)
Use = Callable[[Any, App], Awaitable[object]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    new_database: Callable[[str], Awaitable[str]], migrated_template: str
) -> AsyncIterator[tuple[Database, App]]:
    """A record of each device of two apps, every second one with its person."""
    pool = await Database.open(await new_database(migrated_template), name="steeple-consents")
    app, other = [await make_app(pool, spread=4, home=home) for home in (7, 9)]
    for one in (app, other):
        await pool.execute(
            """
            INSERT INTO consents (app_id, bucket, sub_id, seq, kind, how, at, person, salt, before, hash)
            SELECT $1, ($2::smallint[])[1 + n % 4], id, 1, 1, 1, now(), CASE WHEN n % 2 = 0 THEN 'p' || n END,
                   '', '', decode(md5(id::text), 'hex')
              FROM unnest($3::bigint[]) WITH ORDINALITY AS r (id, n)
            """,
            one.id,
            one.buckets,
            list(IDS),
        )
    await pool.execute("ANALYZE")
    yield pool, app
    await pool.close()


CASES: Final[dict[str, Use]] = {
    "of a person": lambda db, app: consents.of_person(db, app, ["p8", "p10"], IDS[:5], limit=10_000),
    "to forget": lambda db, app: consents.forget(db, app, ["p8", "p10"], IDS[:5], limit=500),
    "a page of the export": lambda db, app: consents.page(db, app, (IDS[7], 1), limit=500),
    "of a device": lambda db, app: consents.of_device(db, app, IDS[7]),
}


@pytest.mark.parametrize("case", CASES)
async def test_no_question_reads_the_whole_ledger(world: tuple[Database, App], case: str):
    """Of one device, one person or a page of all: as many rows are read as there are to find."""
    pool, app = world
    for plan in await plans(pool, lambda db: CASES[case](db, app)):
        assert "Seq Scan on consents" not in plan, plan
        reached = [line for line in plan.splitlines() if "Index Cond" in line]
        assert all("sub_id" in line or "person" in line for line in reached), plan
