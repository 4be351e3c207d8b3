"""Sums of what visitors answered when they were asked. An app's rows lie in its home bucket."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from gateway.model.app import App
from gateway.model.limits import OPT_IN_KEPT_DAYS, PRUNE_ROWS
from gateway.model.opt_in import OUTCOMES, Funnel, OptInDays, OptInKey, OptInOutcome, TriedPrompt
from gateway.store.database import Queryable, Record, affected


async def tried(db: Queryable, app_id: int, slugs: Sequence[str]) -> dict[str, TriedPrompt]:
    """What outcomes of those of these prompts may name that there are."""
    rows = await db.fetch(
        """
        SELECT slug, began_at,
               ARRAY(SELECT one ->> 'name' FROM jsonb_array_elements(definition -> 'variants') one) AS variants
          FROM prompts WHERE app_id = $1 AND slug = ANY($2::text[])
        """,
        app_id,
        list(slugs),
    )
    return {row["slug"]: TriedPrompt(row["began_at"], frozenset(row["variants"] or ("",))) for row in rows}


async def count_of_day(db: Queryable, app: App, day: date) -> int:
    """How many rows a day has."""
    return await db.fetchval(
        "SELECT count(*)::int FROM opt_ins WHERE app_id = $1 AND bucket = $2 AND day = $3", app.id, app.home, day
    )


async def known(db: Queryable, app: App, day: date, keys: Sequence[OptInKey]) -> set[OptInKey]:
    """Those of these that the day has a row of."""
    rows = await db.fetch(
        """
        SELECT o.prompt, o.began_at, o.variant, o.page, o.browser
          FROM unnest($4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[])
               AS n (prompt, began_at, variant, page, browser)
          JOIN opt_ins o USING (prompt, began_at, variant, page, browser)
         WHERE o.app_id = $1 AND o.bucket = $2 AND o.day = $3
        """,
        app.id,
        app.home,
        day,
        *_columns(keys),
    )
    return {OptInKey(**dict(row)) for row in rows}


async def add(db: Queryable, app: App, day: date, sums: Mapping[OptInKey, Mapping[OptInOutcome, int]]) -> None:
    """Adds to the sums of a day. In the order of the keys: processes wait for each other and never deadlock."""
    keys = sorted(sums)
    await db.execute(
        """
        INSERT INTO opt_ins AS held (app_id, bucket, day, prompt, began_at, variant, page, browser,
                                     asked, yes, dismissed, granted, denied, blocked_help, ios_guide)
        SELECT $1, $2, $3, n.*
          FROM unnest($4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
                      $9::int[], $10::int[], $11::int[], $12::int[], $13::int[], $14::int[], $15::int[]) AS n
        ON CONFLICT (app_id, bucket, day, prompt, began_at, variant, page, browser) DO UPDATE
           SET asked = held.asked + excluded.asked, yes = held.yes + excluded.yes,
               dismissed = held.dismissed + excluded.dismissed, granted = held.granted + excluded.granted,
               denied = held.denied + excluded.denied, blocked_help = held.blocked_help + excluded.blocked_help,
               ios_guide = held.ios_guide + excluded.ios_guide
        """,
        app.id,
        app.home,
        day,
        *_columns(keys),
        *([sums[key].get(outcome, 0) for key in keys] for outcome in OUTCOMES),
    )


async def by_day(db: Queryable, app: App, days: OptInDays) -> dict[date, Funnel]:
    """The sums of each day that has any."""
    rows = await db.fetch(
        """
        SELECT day, sum(asked)::bigint AS asked, sum(yes)::bigint AS yes, sum(dismissed)::bigint AS dismissed,
               sum(granted)::bigint AS granted, sum(denied)::bigint AS denied,
               sum(blocked_help)::bigint AS blocked_help, sum(ios_guide)::bigint AS ios_guide
          FROM opt_ins
         WHERE app_id = $1 AND bucket = $2 AND day BETWEEN $3 AND $4
           AND ($5::text IS NULL OR prompt = $5) AND ($6::text IS NULL OR variant = $6)
         GROUP BY day ORDER BY day
        """,
        *_chosen(app, days),
    )
    return {row["day"]: _funnel(row) for row in rows}


async def by_browser(db: Queryable, app: App, days: OptInDays) -> dict[str, Funnel]:
    """The sums of each browser, the one asked most often first."""
    rows = await db.fetch(
        """
        SELECT browser, sum(asked)::bigint AS asked, sum(yes)::bigint AS yes, sum(dismissed)::bigint AS dismissed,
               sum(granted)::bigint AS granted, sum(denied)::bigint AS denied,
               sum(blocked_help)::bigint AS blocked_help, sum(ios_guide)::bigint AS ios_guide
          FROM opt_ins
         WHERE app_id = $1 AND bucket = $2 AND day BETWEEN $3 AND $4
           AND ($5::text IS NULL OR prompt = $5) AND ($6::text IS NULL OR variant = $6)
         GROUP BY browser ORDER BY sum(asked) DESC, browser
        """,
        *_chosen(app, days),
    )
    return {row["browser"]: _funnel(row) for row in rows}


async def by_page(db: Queryable, app: App, days: OptInDays, *, limit: int) -> dict[str, Funnel]:
    """The sums of those pages where visitors were asked most often."""
    rows = await db.fetch(
        """
        SELECT page, sum(asked)::bigint AS asked, sum(yes)::bigint AS yes, sum(dismissed)::bigint AS dismissed,
               sum(granted)::bigint AS granted, sum(denied)::bigint AS denied,
               sum(blocked_help)::bigint AS blocked_help, sum(ios_guide)::bigint AS ios_guide
          FROM opt_ins
         WHERE app_id = $1 AND bucket = $2 AND day BETWEEN $3 AND $4
           AND ($5::text IS NULL OR prompt = $5) AND ($6::text IS NULL OR variant = $6)
         GROUP BY page ORDER BY sum(asked) DESC, page LIMIT $7
        """,
        *_chosen(app, days),
        limit,
    )
    return {row["page"]: _funnel(row) for row in rows}


async def by_prompt(db: Queryable, app: App, days: OptInDays) -> dict[str, Funnel]:
    """The sums of each prompt, also of those that are no more; "": of none."""
    rows = await db.fetch(
        """
        SELECT prompt, sum(asked)::bigint AS asked, sum(yes)::bigint AS yes, sum(dismissed)::bigint AS dismissed,
               sum(granted)::bigint AS granted, sum(denied)::bigint AS denied,
               sum(blocked_help)::bigint AS blocked_help, sum(ios_guide)::bigint AS ios_guide
          FROM opt_ins
         WHERE app_id = $1 AND bucket = $2 AND day BETWEEN $3 AND $4
           AND ($5::text IS NULL OR prompt = $5) AND ($6::text IS NULL OR variant = $6)
         GROUP BY prompt ORDER BY sum(asked) DESC, prompt
        """,
        *_chosen(app, days),
    )
    return {row["prompt"]: _funnel(row) for row in rows}


async def by_variant(
    db: Queryable, app: App, slug: str, *, began_at: datetime, until: datetime | None = None
) -> dict[str, Funnel]:
    """The sums of each variant of a prompt since visitors have seen it as it is, up to the day of `until`."""
    rows = await db.fetch(
        """
        SELECT variant, sum(asked)::bigint AS asked, sum(yes)::bigint AS yes, sum(dismissed)::bigint AS dismissed,
               sum(granted)::bigint AS granted, sum(denied)::bigint AS denied,
               sum(blocked_help)::bigint AS blocked_help, sum(ios_guide)::bigint AS ios_guide
          FROM opt_ins
         WHERE app_id = $1 AND bucket = $2 AND day >= ($4::timestamptz AT TIME ZONE 'UTC')::date
           AND ($5::timestamptz IS NULL OR day <= ($5 AT TIME ZONE 'UTC')::date)
           AND prompt = $3 AND began_at = $4
         GROUP BY variant
        """,
        app.id,
        app.home,
        slug,
        began_at,
        until,
    )
    return {row["variant"]: _funnel(row) for row in rows}


async def prune(db: Queryable) -> int:
    """One step of forgetting days beyond what is kept (index opt_ins_by_day); how many rows."""
    tag = await db.execute(
        """
        DELETE FROM opt_ins WHERE (app_id, bucket, day, prompt, began_at, variant, page, browser) IN
            (SELECT app_id, bucket, day, prompt, began_at, variant, page, browser FROM opt_ins
              WHERE day < (now() AT TIME ZONE 'UTC')::date - $1::int ORDER BY day LIMIT $2)
        """,
        OPT_IN_KEPT_DAYS,
        PRUNE_ROWS,
    )
    return affected(tag)


def _chosen(app: App, days: OptInDays) -> tuple[Any, ...]:
    return app.id, app.home, days.first, days.last, days.prompt, days.variant


def _columns(keys: Collection[OptInKey]) -> Iterable[list[Any]]:
    return ([getattr(key, name) for key in keys] for name in OptInKey.__struct_fields__)


def _funnel(row: Record) -> Funnel:
    return Funnel(**{outcome: row[outcome] for outcome in OUTCOMES})
