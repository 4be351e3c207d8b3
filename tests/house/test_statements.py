"""Every statement is read from the source and held to the rules that make it fast, repeatable and safe."""

import pytest

from tests.house.statements import Statement, statements_of
from tests.house.tree import GATEWAY

_STORE = GATEWAY / "store"
SEND_PATH = ("messages", "chunks", "outcomes", "audiences", "subscriptions", "persons", "lanes")

SLICES: dict[str, str] = {
    "chunks.due": "looks who has something due, of all apps, by index chunks_turns",
    "chunks.claim": "takes what is due of a message, whatever its buckets, by index chunks_turns",
    "chunks.wake": "makes due what waits for lanes of one app, whatever its buckets, by index chunks_lane",
    "chunks.release_expired": "frees what silent workers held, by index chunks_leased",
    "chunks.release_owned": "frees what a dead process held, by index chunks_leased",
    "messages.claim_due": "takes the messages whose time has come, of all apps, by index messages_due",
    "messages.coming": "lists what is due next, of all apps, by index messages_due",
    "approvals.expire": "ends what nobody approved in time, of all apps, by index messages_unapproved",
    "messages.running": "lists what is being sent, of all apps, by index messages_running",
    "messages.page": "one app's messages in the order of time, for people, by index messages_recent",
    "segments.messages_with": "one app's messages that are not done and more than names, by index messages_filtered",
    "profiles.page": "one app's people in the order of the primary key",
    "copies.stale": "finds people whose devices lag behind, of all apps, by index persons_stale",
    "erasures.due": "finds people who are being forgotten, of all apps, by index erasures_oldest",
    "copies.lag_s": "the first of those, by the same index",
    "subscriptions.list_page": "one app's devices in the order of the primary key",
    "pruning._idempotency": "deletes what expired, of all apps, by index idempotency_expired",
    "consents.page": "one app's ledger in the order of the primary key",
    "pruning._withdrawals": "forgets what is too old, of all apps, by index withdrawals_old",
    "pruning._ended": "deletes devices that ended long ago, of all apps, by index subscriptions_ended",
    "device_events.prune": "deletes what is a month old, of all apps, by index device_events_oldest",
    "pruning._chunks": "finds messages that ended long ago, of all apps, by index messages_finished",
    "pruning._messages": "finds messages beyond the history that is kept, of all apps, by index messages_finished",
    "visitors.prune": "forgets who was not seen for long, of all apps, by index visitors_unseen",
    "inbox_marks.prune": "forgets marks that tell of nothing any more, of all apps, by index inbox_marks_old",
    "recovery._hold_chunks": "holds the work of all apps, once, after a backup was restored",
    "recovery._pause_messages": "as above, messages",
    "places.forget_old_positions": "forgets what is too old, of all apps, by index subscriptions_located",
    "geofences.forget_old_visits": "forgets what is too old, of all apps, by index subscriptions_fenced",
    "chunks.renew": "prolongs the leases that one process holds, each by its whole key",
    "coupon_codes.late": "finds codes whose lease ran out, of all apps, by index coupon_codes_taken",
    "coupon_given.ended_uses": "finds messages that gave codes and are over, of all apps, by index coupon_uses_open",
    "opt_ins.prune": "deletes days beyond what is kept, of all apps, by index opt_ins_by_day",
    "experiments.due": "finds experiments to be decided, of all apps, by index experiments_open",
}
"""Statements that look across apps or buckets, and why they may."""

BUILT: dict[str, str] = {
    "estimates.sample": "the condition is put together from literals, held by the type checker",
    "estimates.members": "as above",
    "estimates.counted": "as above",
    "audiences.count_slices": "the condition is put together from literals, held by the type checker",
    "audiences.count_by_kind": "as above",
    "audiences.read_range": "as above",
    "audiences.named": "as above",
    "audiences.excluded": "as above",
    "audiences.devices": "one of two lists of columns, literals both",
    "audiences.read_listed": "as above",
    "audiences.read_members": "the condition is put together from literals, held by the type checker",
    "parts.count_places": "as above",
    "parts.insert_lists": "as above",
    "partitions.drop_older": "a table name takes no argument; it is made of our own list and a number",
    "partitions._create": "a table name takes no argument; it is made of our own list and a date",
}
"""Statements whose text is put together, and why that is safe."""

SKIPPING: dict[str, str] = {
    "chunks.claim": "workers share one queue",
    "chunks.wake": "who is in somebody's hands at this moment is woken in the next round",
    "coupon_codes.take": "workers share one pool, and any free code will do",
    "messages.claim_due": "planners share one queue",
    "geofences.forget_old_visits": "who is being changed at this moment is forgotten in the next round",
    "places.forget_old_positions": "who is being changed at this moment is forgotten in the next round",
    "pruning._ended": "who is being changed at this moment can be deleted in the next round",
}
"""Statements that pass over locked rows: anywhere else that would pass over work or report too little."""


def _all() -> list[Statement]:
    return [
        statement
        for path in sorted(_STORE.glob("*.py"))
        for statement in statements_of(path.read_text(encoding="utf-8"), module=path.stem)
    ]


def _names(statements: list[Statement]) -> list[str]:
    return sorted({statement.where for statement in statements})


def test_growing_tables_are_reached_by_app_and_bucket() -> None:
    """A statement touches one app's rows in buckets it names: no app sees another's, and it runs on many machines."""
    wrong = [it for it in _all() if it.is_hot and not it.is_by_key and it.where not in SLICES]
    assert _names(wrong) == []


def test_the_send_path_is_repeatable() -> None:
    """No statement of the send path asks the wall clock anew or throws dice."""
    assert _names([it for it in _all() if it.where.partition(".")[0] in SEND_PATH and not it.is_pure]) == []


def test_no_statement_is_glued_together() -> None:
    """What a caller wrote can never become SQL."""
    assert _names([it for it in _all() if it.is_built and it.where not in BUILT]) == []


def test_only_queues_skip_locked_rows() -> None:
    """Whoever counts or settles waits for the truth."""
    assert _names([it for it in _all() if it.skips_locked]) == sorted(SKIPPING)


def test_sql_stands_in_the_store_only() -> None:
    """Who looks for a query looks in one folder."""
    elsewhere = [
        statement
        for path in sorted(GATEWAY.rglob("*.py"))
        if not path.is_relative_to(_STORE)
        for statement in statements_of(path.read_text(encoding="utf-8"), module=path.stem)
    ]
    assert _names(elsewhere) == []


def test_exceptions_are_still_needed() -> None:
    """A named exception that nothing uses any more goes."""
    statements = _all()
    slices = {it.where for it in statements if it.is_hot}
    built = {it.where for it in statements if it.is_built}
    assert [name for name in SLICES if name not in slices] == []
    assert [name for name in BUILT if name not in built] == []


def _one(body: str) -> Statement:
    (statement,) = statements_of(f"async def f(db, x):\n    await db.fetch({body})\n", module="room")
    assert statement.where == "room.f"
    return statement


@pytest.mark.parametrize(
    "body",
    [
        "'SELECT 1 FROM chunks WHERE bucket = $1'",
        "'DELETE FROM messages WHERE app_id = $1'",
        "'UPDATE subscriptions SET state = 1 WHERE id = $1 RETURNING app_id, bucket'",
        "'INSERT INTO outcomes (app_id, day) VALUES ($1, $2)'",
        "'UPDATE chunks c SET state = 1 FROM due WHERE c.app_id = due.app_id AND c.bucket = due.bucket'",
        "'WITH gone AS (SELECT id FROM receipts) SELECT count(*) FROM gone'",
    ],
)
def test_a_statement_without_app_and_bucket_is_caught(body: str) -> None:
    """Negative control."""
    statement = _one(body)
    assert statement.is_hot
    assert not statement.is_by_key


@pytest.mark.parametrize(
    "body",
    [
        "'SELECT 1 FROM chunks c WHERE c.app_id = $1 AND c.bucket = ANY($2::smallint[])'",
        "'INSERT INTO outcomes (app_id, bucket, day) VALUES ($1, $2, $3)'",
    ],
)
def test_a_statement_by_key_passes(body: str) -> None:
    """Negative control of the negative control."""
    assert _one(body).is_by_key


@pytest.mark.parametrize(
    "body",
    [
        "f'SELECT {x} FROM apps'",
        "'SELECT 1 FROM apps WHERE name = ' + x",
        "'SELECT %s FROM apps' % x",
        "'SELECT {} FROM apps'.format(x)",
        "'SELECT 1 UNION '.join(x)",
    ],
)
def test_a_glued_statement_is_caught(body: str) -> None:
    """Negative control."""
    assert _one(body).is_built


def test_impure_and_skipping_statements_are_caught() -> None:
    """Negative control."""
    assert not _one("'SELECT clock_timestamp()'").is_pure
    assert not _one("'UPDATE chunks SET lo = random() * 9'").is_pure
    assert _one("'SELECT 1 FROM chunks FOR UPDATE SKIP LOCKED'").skips_locked


def test_the_reader_sees_the_store() -> None:
    """It would also pass if it found nothing: the known statements are there."""
    found = {it.where for it in _all()}
    assert {"chunks.claim", "chunks.settle", "outcomes.insert_outcomes", "audiences.read_range"} <= found
