"""Reading an inbox leans on indexes: what it costs does not grow with what else an app sends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.model.app import App
from gateway.store import inbox, inbox_marks, visitors
from gateway.store.database import Database
from tests.store.plans import plans, whole_tables
from tests.store.rows import TODAY, make_app

MESSAGES = 4_000
SINCE = datetime.now(UTC) - timedelta(days=30)


async def _filled(db: Database) -> App:
    """Thousands of messages; one in twenty stays in the inbox, half of those name somebody."""
    app = await make_app(db)
    await db.execute(
        """
        INSERT INTO messages (app_id, bucket, id, kind, state, content, audience, due_at, expires_at, planned_at, terms)
        SELECT $1, 7, n, 1, 4, '{}', CASE WHEN n % 40 = 20 THEN jsonb_build_object('users', ARRAY['user-' || n])
               ELSE '{"everybody": true}' END, now(), now(), now() - n * interval '1 minute',
               CASE WHEN n % 20 = 0 THEN '{"inbox": {}}'::jsonb ELSE '{}' END
          FROM generate_series(1, $2::int) AS n
        """,
        app.id,
        MESSAGES,
    )
    await db.execute(
        """
        INSERT INTO outcomes (app_id, bucket, day, msg_id, lo, hi, at, ids, codes)
        SELECT $1, 7, $2, n, 5, 6, now(), ARRAY[5, 6], '\\x0a0a' FROM generate_series(1, $3::int) AS n
        """,
        app.id,
        TODAY,
        MESSAGES,
    )
    for table in ("visitors", "inbox_marks"):
        await _many(db, app, table)
    await db.execute("ANALYZE messages; ANALYZE outcomes; ANALYZE visitors; ANALYZE inbox_marks")
    return app


async def _many(db: Database, app: App, table: str) -> None:
    if table == "visitors":
        await db.execute(
            "INSERT INTO visitors (app_id, bucket, id, secret_hash, person) SELECT $1, 7, n, '', 'user-' || n"
            " FROM generate_series(1, $2::int) AS n",
            app.id,
            MESSAGES,
        )
    else:
        await db.execute(
            "INSERT INTO inbox_marks (app_id, bucket, reader) SELECT $1, 7, 'v:' || n"
            " FROM generate_series(1, $2::int) AS n",
            app.id,
            MESSAGES,
        )


@pytest.mark.timeout(60)
async def test_reading_an_inbox_leans_on_indexes(db: Database) -> None:
    """The newest campaigns, those that name somebody, how they ended for a device, a visitor, and what was read."""
    app = await _filled(db)

    async def read(on: Any) -> None:
        campaigns = await inbox.campaigns(on, app, since=SINCE, limit=500)
        named = await inbox.naming(on, app, names=["user-60"], devices=[5], since=SINCE, limit=100)
        ends = await inbox.ends(on, app, [(one.id, TODAY) for one in campaigns[:100]], [5])
        assert ([len(campaigns), len(named)], {one.code for one in ends}) == ([100, 1], {10})

    async def know(on: Any) -> None:
        await visitors.get(on, app, 7)
        await visitors.of_person(on, app, ["user-7"])
        await inbox_marks.of_readers(on, app, ["v:7"])
        await visitors.prune(on)
        await inbox_marks.prune(on)

    found = await plans(db, read)
    assert [whole_tables(plan) for plan in found] == [[], [], []]
    assert "messages_inbox" in found[0]
    assert "messages_inbox_named" in found[1]
    assert not any(
        "Seq Scan on visitors" in plan or "Seq Scan on inbox_marks" in plan for plan in await plans(db, know)
    )
