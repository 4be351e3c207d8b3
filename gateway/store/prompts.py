"""Prompts of apps, and the winners among their variants."""

from datetime import datetime
from typing import Any

import msgspec

from gateway.model.prompt import Prompt, StoredPrompt
from gateway.store.database import Queryable, Record


class DuePrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt whose variants have been tried for as long as they were to be."""

    app_id: int
    stored: StoredPrompt


async def lock(db: Queryable, app_id: int) -> None:
    """Lets one transaction at a time change the prompts of an app: their number is counted before it grows."""
    await db.fetchval("SELECT id FROM apps WHERE id = $1 FOR UPDATE", app_id, idempotent=False)


async def all_of_app(db: Queryable, app_id: int) -> list[StoredPrompt]:
    """Every prompt of the app by its slug; at most `PROMPTS_PER_APP_MAX`."""
    rows = await db.fetch(
        """
        SELECT slug, definition, began_at, decide_at, winner, decided_by, decided_at, created_at, changed_at
          FROM prompts WHERE app_id = $1 ORDER BY slug
        """,
        app_id,
    )
    return [_prompt(row) for row in rows]


async def active(db: Queryable, app_id: int) -> list[StoredPrompt]:
    """Those that pages may show, in the order in which they are tried."""
    rows = await db.fetch(
        """
        SELECT slug, definition, began_at, decide_at, winner, decided_by, decided_at, created_at, changed_at
          FROM prompts WHERE app_id = $1 AND is_active ORDER BY priority DESC, slug
        """,
        app_id,
    )
    return [_prompt(row) for row in rows]


async def get(db: Queryable, app_id: int, slug: str) -> StoredPrompt | None:
    """One prompt."""
    row = await db.fetchrow(
        """
        SELECT slug, definition, began_at, decide_at, winner, decided_by, decided_at, created_at, changed_at
          FROM prompts WHERE app_id = $1 AND slug = $2
        """,
        app_id,
        slug,
    )
    return None if row is None else _prompt(row)


async def insert(db: Queryable, app_id: int, slug: str, prompt: Prompt, *, tried_s: int | None) -> StoredPrompt | None:
    """A new prompt, its variants tried for so long; None where there is one of that slug."""
    row = await db.fetchrow(
        """
        INSERT INTO prompts (app_id, slug, definition, is_active, priority, decide_at)
        VALUES ($1, $2, $3, $4, $5, now() + $6::int * interval '1 second') ON CONFLICT DO NOTHING
        RETURNING slug, definition, began_at, decide_at, winner, decided_by, decided_at, created_at, changed_at
        """,
        app_id,
        slug,
        msgspec.to_builtins(prompt),
        prompt.is_active,
        prompt.priority,
        tried_s,
    )
    return None if row is None else _prompt(row)


async def update(db: Queryable, app_id: int, slug: str, prompt: Prompt, *, tried_s: int | None) -> StoredPrompt | None:
    """Changes a prompt that visitors go on to see as it was; what was counted and decided stays."""
    row = await db.fetchrow(
        """
        UPDATE prompts
           SET definition = $3, is_active = $4, priority = $5, decide_at = began_at + $6::int * interval '1 second',
               changed_at = now()
         WHERE app_id = $1 AND slug = $2
        RETURNING slug, definition, began_at, decide_at, winner, decided_by, decided_at, created_at, changed_at
        """,
        app_id,
        slug,
        msgspec.to_builtins(prompt),
        prompt.is_active,
        prompt.priority,
        tried_s,
    )
    return None if row is None else _prompt(row)


async def begin_anew(
    db: Queryable, app_id: int, slug: str, prompt: Prompt, *, tried_s: int | None
) -> StoredPrompt | None:
    """Changes what visitors see: its variants are tried from now on, and none has won."""
    row = await db.fetchrow(
        """
        UPDATE prompts
           SET definition = $3, is_active = $4, priority = $5, decide_at = now() + $6::int * interval '1 second',
               began_at = now(), winner = NULL, decided_by = NULL, decided_at = NULL, changed_at = now()
         WHERE app_id = $1 AND slug = $2
        RETURNING slug, definition, began_at, decide_at, winner, decided_by, decided_at, created_at, changed_at
        """,
        app_id,
        slug,
        msgspec.to_builtins(prompt),
        prompt.is_active,
        prompt.priority,
        tried_s,
    )
    return None if row is None else _prompt(row)


async def delete(db: Queryable, app_id: int, slug: str) -> bool:
    """Takes a prompt out; False where there is none."""
    return await db.execute("DELETE FROM prompts WHERE app_id = $1 AND slug = $2", app_id, slug) == "DELETE 1"


async def due(db: Queryable, *, limit: int) -> list[DuePrompt]:
    """Prompts of all apps whose winner is to be looked for, the longest due first (index prompts_undecided)."""
    rows = await db.fetch(
        """
        SELECT app_id, slug, definition, began_at, decide_at, winner, decided_by, decided_at, created_at, changed_at
          FROM prompts WHERE winner IS NULL AND decide_at <= now() AND is_active ORDER BY decide_at LIMIT $1
        """,
        limit,
    )
    return [DuePrompt(app_id=row["app_id"], stored=_prompt(row)) for row in rows]


async def decide(db: Queryable, app_id: int, slug: str, *, began_at: datetime, winner: int, by: str) -> bool:
    """Sets the winner, once, as long as visitors still see what was looked at; whether it was this call."""
    tag = await db.execute(
        """
        UPDATE prompts SET winner = $4, decided_by = $5, decided_at = now()
         WHERE app_id = $1 AND slug = $2 AND began_at = $3 AND winner IS NULL
        """,
        app_id,
        slug,
        began_at,
        winner,
        by,
    )
    return tag == "UPDATE 1"


async def put_off(db: Queryable, app_id: int, slug: str, *, by_s: int) -> None:
    """Looks for a winner again later."""
    await db.execute(
        """
        UPDATE prompts SET decide_at = now() + $3::int * interval '1 second'
         WHERE app_id = $1 AND slug = $2 AND winner IS NULL
        """,
        app_id,
        slug,
        by_s,
    )


def _prompt(row: Record) -> StoredPrompt:
    values: dict[str, Any] = {name: row[name] for name in StoredPrompt.__struct_fields__ if name != "prompt"}
    return StoredPrompt(prompt=msgspec.convert(row["definition"], Prompt), **values)
