"""Other names of people, many at once: a row that leads to the person's own, which lists them."""

from collections.abc import Iterable, Sequence

import msgspec

from gateway.model.app import App
from gateway.store.database import Queryable
from gateway.store.persons import person_bucket_of


class Known(msgspec.Struct, frozen=True):
    """Whose name it is: another name of `alias_of`, or else a person's own, who has these other names."""

    alias_of: str | None
    aliases: tuple[str, ...]


async def known(db: Queryable, app: App, names: Iterable[str]) -> dict[str, Known]:
    """What is known of these names; who is missing is nobody's name yet."""
    asked = sorted(set(names))
    rows = await db.fetch(
        """
        SELECT person, alias_of, aliases FROM persons
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[])
        """,
        app.id,
        sorted({person_bucket_of(app, one) for one in asked}),
        asked,
    )
    return {row["person"]: Known(row["alias_of"], tuple(row["aliases"])) for row in rows}


async def make(db: Queryable, app: App, owners: Iterable[tuple[str, str]]) -> set[str]:
    """Makes those of these names that nobody goes by lead to their person, who is locked; which they are.

    `owners` are pairs of a person's own name and another name. In the order of the keys.
    """
    rows = sorted((person_bucket_of(app, alias), alias, person) for person, alias in owners)
    buckets, names, people = (list(column) for column in zip(*rows, strict=True))
    made = await db.fetch(
        """
        INSERT INTO persons (app_id, bucket, person, alias_of, version, copied)
        SELECT $1, n.bucket, n.alias, n.person, 1, 1
        FROM unnest($2::smallint[], $3::text[], $4::text[]) AS n (bucket, alias, person)
        ON CONFLICT DO NOTHING RETURNING person
        """,
        app.id,
        buckets,
        names,
        people,
    )
    return {row["person"] for row in made}


async def list_more(db: Queryable, app: App, owners: Sequence[tuple[str, str]]) -> None:
    """Writes into the rows of locked people which other names they have besides: pairs as above, in this order."""
    await db.execute(
        """
        UPDATE persons AS p SET aliases = p.aliases || n.more
        FROM (SELECT bucket, person, array_agg(alias ORDER BY place) AS more
              FROM unnest($2::smallint[], $3::text[], $4::text[]) WITH ORDINALITY AS o (bucket, person, alias, place)
              GROUP BY bucket, person) AS n
        WHERE p.app_id = $1 AND p.bucket = ANY($5::smallint[]) AND p.bucket = n.bucket AND p.person = n.person
        """,
        app.id,
        [person_bucket_of(app, person) for person, _ in owners],
        [person for person, _ in owners],
        [alias for _, alias in owners],
        sorted({person_bucket_of(app, person) for person, _ in owners}),
    )
