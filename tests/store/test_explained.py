"""An explanation says of each device what the database says: segments, lists and exclusions included."""

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import filter as f
from gateway.model.audience import Audience, parse_topics
from gateway.model.segment import Names
from gateway.policy.matching import Described
from gateway.sending.explain import verdict_of
from gateway.store import audiences, looked_at
from gateway.store.database import Database
from tests.policy.crowd import DEVICES, NOW
from tests.policy.filters import LANGUAGES, WHERES
from tests.store.rows import make_app
from tests.store.test_filters import _ALLOWED, TOPIC_IDS, UndoneError, enrol

LISTS: Final = {"vips": 5, "staff": 6}
_named: Final = st.sampled_from(["small", "large"]).map(f.InSegment) | st.sampled_from([*LISTS]).map(f.OnList)


def _wheres(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[f.Where]:
    return (
        WHERES | leaves | st.builds(f.All, st.tuples(WHERES, leaves)) | st.builds(f.NoneOf, st.tuples(WHERES, leaves))
    )


def _selectors(wheres: st.SearchStrategy[f.Where], segments: list[str], **more: Any) -> st.SearchStrategy[Audience]:
    return st.builds(
        Audience,
        everybody=st.just(True),
        topics=st.none() | st.sampled_from(["sale && !news", "!sale || nowhere"]).map(parse_topics),
        languages=st.just(()) | st.lists(st.sampled_from(LANGUAGES), min_size=1, max_size=2).map(tuple),
        channels=st.just(()) | st.just(("stub",)),
        where=st.none() | wheres,
        segments=st.lists(st.sampled_from(segments), max_size=2, unique=True).map(tuple) if segments else st.just(()),
        lists=st.lists(st.sampled_from([*LISTS]), max_size=2, unique=True).map(tuple),
        **more,
    )


_small: Final = _selectors(WHERES, [], exclude=st.none() | _selectors(WHERES, []))
_large: Final = _selectors(_wheres(st.just(f.InSegment("small"))), ["small"])
_excluded: Final = _selectors(
    _wheres(_named), ["small", "large"],
    users=st.just(()) | st.just(("ada", "x")), subscriptions=st.just(()) | st.just((0, 3)),
)  # fmt: skip
AUDIENCES: Final = _selectors(_wheres(_named), ["small", "large"], exclude=st.none() | _excluded)

_numbers: Final = st.tuples(st.sampled_from([None, [5], [6], [5, 6]]), st.sampled_from([None, [5], [7]]))
"""Of one device: its own lists, and its person's."""


@settings(max_examples=60, deadline=None, suppress_health_check=_ALLOWED)
@given(
    devices=st.lists(DEVICES, min_size=1, max_size=10),
    on_lists=st.lists(
        st.tuples(st.sampled_from([None, [5], [6], [5, 6]]), st.sampled_from([None, [5], [7]])),
        min_size=10,
        max_size=10,
    ),
    wanted=st.lists(AUDIENCES, min_size=1, max_size=8),
    segments=st.fixed_dictionaries({"small": _small, "large": _large}),
)
async def test_an_explanation_means_what_is_read(
    db: Database,
    devices: list[Described],
    on_lists: list[tuple[list[int] | None, list[int] | None]],
    wanted: list[Audience],
    segments: dict[str, Audience],
):
    """Random people, random audiences on random segments: whoever is said to be in is read, and nobody else."""
    names = Names(topics=TOPIC_IDS, lists=LISTS, segments=segments)
    with pytest.raises(UndoneError):
        async with db.transaction() as tx:
            app = await make_app(tx)
            await enrol(tx, app, devices)
            for number, (own, persons) in enumerate(on_lists[: len(devices)]):
                await tx.execute(
                    "UPDATE subscriptions SET lists = $3, person_lists = $4 WHERE app_id = $1 AND id = $2",
                    app.id, number, own, persons,
                )  # fmt: skip
            rows = await looked_at.look_at(tx, app, range(len(devices)))
            for audience in wanted:
                group = await audiences.read_range(
                    tx, app_id=app.id, bucket=app.home, after=-1, up_to=2**62, planned_at=NOW, audience=audience,
                    names=names, limit=100,
                )  # fmt: skip
                said = [row.id for row in rows if verdict_of(row, audience, names, now=NOW).is_in]
                assert said == [device.subscription_id for device in group]
            raise UndoneError


async def test_where_a_name_is_missing_nobody_is_in(db: Database):
    """Neither by the database nor by the explanation, however the name was used."""
    app = await make_app(db)
    await db.execute(
        "INSERT INTO subscriptions (app_id, bucket, id, provider, credential_id, wire, address_hash)"
        " VALUES ($1, $2, 1, 'stub', 1, '', '')",
        app.id,
        app.home,
    )
    audience = Audience(everybody=True, exclude=Audience(lists=("ghost",)))
    (row,) = await looked_at.look_at(db, app, [1])
    for names, expected in ((Names(is_whole=False), []), (Names(lists={"ghost": 9}), [1])):
        found = await audiences.count_slices(
            db, app_id=app.id, buckets=app.buckets, audience=audience, names=names, now=NOW
        )
        assert [one.recipients for one in found] == expected
        assert verdict_of(row, audience, names, now=NOW).is_in == bool(expected)
