"""Who is in an audience: the same for counting, for reading and for a person who reads the order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model.app import App
from gateway.model.audience import Audience, Both, Either, Expression, Not, Topic
from gateway.model.delivery import Device
from gateway.model.ids import bucket_of_id
from gateway.model.segment import Names
from gateway.policy.chunking import ranges
from gateway.store import audiences
from gateway.store.database import Database
from tests.store.rows import EVERYBODY, drawn_ids, enrol, make_app

TOPICS = {"sale": 11, "news": 22, "vip": 33}
SOON = datetime.now(UTC) + timedelta(days=1)  # a run takes minutes from here to the last test
FOLLOWED = [[topic for at, topic in enumerate(TOPICS.values()) if number >> at & 1] for number in range(8)]
LOCALES = ["nl", "NL-BE", "en-GB", None]

TREES: st.SearchStrategy[Expression] = st.recursive(
    st.builds(Topic, st.sampled_from([*TOPICS, "unknown"])),
    lambda children: (
        st.builds(Not, children)
        | st.builds(Both, st.lists(children, min_size=2, max_size=3).map(tuple))
        | st.builds(Either, st.lists(children, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=10,
)


def fits(tree: Expression, followed: list[int]) -> bool:
    """What an expression says of a device, in Python."""
    match tree:
        case Topic(slug):
            return TOPICS.get(slug) in followed
        case Not(term):
            return not fits(term, followed)
        case Both(terms):
            return all(fits(term, followed) for term in terms)
        case Either(terms):
            return any(fits(term, followed) for term in terms)


async def one_of_each_kind(db: Database, app: App) -> dict[int, tuple[list[int], str | None]]:
    """A device for each set of topics and each language."""
    kinds: dict[int, tuple[list[int], str | None]] = {}
    ids = iter(drawn_ids(len(FOLLOWED) * len(LOCALES)))
    for followed in FOLLOWED:
        for locale in LOCALES:
            (number,) = await enrol(db, app, [next(ids)], topics=followed, locale=locale)
            kinds[number] = (followed, locale)
    return kinds


async def read_all(db: Database, app: App, audience: Audience, *, planned_at: datetime = SOON) -> list[int]:
    """Everybody whom sending would read, bucket by bucket in groups of seven."""
    found: list[Device] = []
    for bucket in app.buckets:
        after = -1
        while True:
            group = await audiences.read_range(
                db, app_id=app.id, bucket=bucket, after=after, up_to=2**62, planned_at=planned_at, audience=audience,
                names=Names(topics=TOPICS), limit=7,
            )  # fmt: skip
            assert [device.subscription_id for device in group] == sorted(device.subscription_id for device in group)
            found += group
            if len(group) < 7:
                break
            after = group[-1].subscription_id
    return sorted(device.subscription_id for device in found)


async def count(db: Database, app: App, audience: Audience) -> int:
    slices = await audiences.count_slices(
        db, app_id=app.id, buckets=app.buckets, audience=audience, names=Names(topics=TOPICS), now=SOON
    )
    return sum(one.recipients for one in slices)


@pytest.fixture(scope="module")
def kept() -> dict[str, tuple[App, dict[int, tuple[list[int], str | None]]]]:
    """The devices of the property below, made at its first example."""
    return {}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES)
async def test_an_expression_means_the_same_in_the_database(
    db: Database, kept: dict[str, tuple[App, dict[int, tuple[list[int], str | None]]]], tree: Expression
):
    """Whatever one writes with and, or and not: those get it who fit it, whatever they follow."""
    if "app" not in kept:
        app = await make_app(db, spread=4)
        kept["app"] = (app, await one_of_each_kind(db, app))
    app, kinds = kept["app"]
    audience = Audience(topics=tree)

    wanted = sorted(number for number, (followed, _) in kinds.items() if fits(tree, followed))

    assert await read_all(db, app, audience) == wanted
    assert await count(db, app, audience) == len(wanted)


@pytest.mark.parametrize(
    ("languages", "wanted"),
    [
        (("nl",), {"nl", "NL-BE"}),
        (("NL-be",), {"NL-BE"}),
        (("en", "nl"), {"nl", "NL-BE", "en-GB"}),
        (("en-US",), set()),
        (("n",), set()),
    ],
)
async def test_a_language_means_its_regions_too(db: Database, languages: tuple[str, ...], wanted: set[str]):
    """`nl` is whoever reads Dutch; `nl-BE` is Flanders; who told no language is in neither."""
    app = await make_app(db)
    kinds = await one_of_each_kind(db, app)

    found = await read_all(db, app, Audience(languages=languages))

    assert {kinds[number][1] for number in found} == wanted
    assert len(found) == len(wanted) * len(FOLLOWED)


async def test_selectors_are_joined_by_and(db: Database):
    """Dutch readers of the sale on one channel."""
    app = await make_app(db)
    kinds = await one_of_each_kind(db, app)
    await enrol(db, app, drawn_ids(4, seed=9), provider="other", topics=[11], locale="nl")
    audience = Audience(topics=Topic("sale"), languages=("nl",), channels=("other",))

    assert await read_all(db, app, audience) == drawn_ids(4, seed=9)
    here = await read_all(db, app, Audience(topics=Topic("sale"), languages=("nl",), channels=("stub", "mail")))
    assert here == sorted(n for n, (followed, locale) in kinds.items() if 11 in followed and locale in {"nl", "NL-BE"})


async def test_who_left_or_came_too_late_is_not_read(db: Database):
    """Read as of now: gone devices are out at once, and who enrols after planning is not in it."""
    app = await make_app(db)
    early, gone, left, late = drawn_ids(4)
    await enrol(db, app, [early])
    await enrol(db, app, [gone], state=1)
    await enrol(db, app, [left], state=2)
    planned_at = await db.fetchval("SELECT clock_timestamp()")
    await enrol(db, app, [late])

    assert await read_all(db, app, EVERYBODY, planned_at=planned_at) == [early]
    assert await count(db, app, EVERYBODY) == 2


async def test_apps_do_not_see_each_other(db: Database):
    """Two apps in the same buckets, with topics of the same numbers."""
    mine, other = await make_app(db), await make_app(db)
    ids = drawn_ids(3)
    await enrol(db, mine, ids[:1], topics=[11], person="anna")
    await enrol(db, other, ids[1:], topics=[11], person="anna")

    assert await read_all(db, mine, Audience(topics=Topic("sale"))) == ids[:1]
    assert await audiences.devices(db, app_id=mine.id, buckets=mine.buckets, ids=ids[1:]) == {}
    assert await audiences.read_listed(db, app_id=mine.id, bucket=mine.home, ids=ids[1:]) == []


@pytest.mark.parametrize("spread", [1, 4, 1024])
async def test_slices_and_ranges_lead_to_everybody_once(db: Database, spread: int):
    """Planned by slices, read by ranges: together they are the audience, however it is spread."""
    app = await make_app(db, spread=spread, home=1000)
    ids = await enrol(db, app, drawn_ids(700))
    slices = await audiences.count_slices(
        db, app_id=app.id, buckets=app.buckets, audience=EVERYBODY, names=Names(), now=SOON
    )

    found: list[int] = []
    for part in ranges([(one.top_bits, one.recipients) for one in slices], home=app.home, spread=app.spread):
        group = await audiences.read_range(
            db, app_id=app.id, bucket=part.bucket, after=part.lo - 1, up_to=part.hi, planned_at=SOON,
            audience=EVERYBODY, names=Names(), limit=10_000,
        )  # fmt: skip
        assert len(group) == part.recipients
        found += [device.subscription_id for device in group]

    assert sorted(found) == ids


async def test_a_device_is_read_with_all_that_sending_needs(db: Database):
    """Nothing downstream asks the database again."""
    app = await make_app(db, spread=2)
    doubted_at = datetime(2026, 1, 1, tzinfo=UTC)
    (number,) = await enrol(db, app, drawn_ids(1), locale="nl", suspect_at=doubted_at)
    device = Device(number, "stub", 1, b"\x01wire", 0, "nl", doubted_at)
    bucket = bucket_of_id(number, home=app.home, spread=app.spread)

    assert await audiences.read_listed(db, app_id=app.id, bucket=bucket, ids=[number, 5]) == [device]
    assert await audiences.devices(db, app_id=app.id, buckets=[bucket], ids=[number]) == {number: device}
    assert await audiences.named(
        db, app_id=app.id, buckets=[bucket], ids=[number], audience=Audience(languages=("nl",)), names=Names(), now=SOON
    ) == [(bucket, device)]
    assert await audiences.count_by_kind(
        db, app_id=app.id, buckets=app.buckets, audience=EVERYBODY, names=Names(), now=SOON
    ) == {("stub", 0): 1}


async def test_the_largest_expression_fits_a_statement(db: Database):
    """Fifty topics, languages and channels together."""
    app = await make_app(db)
    await enrol(db, app, drawn_ids(1), topics=[11], locale="nl")
    tree = Either((*(Topic(f"t{number}") for number in range(49)), Topic("sale")))

    assert await read_all(db, app, Audience(topics=tree, languages=("nl",), channels=("stub",))) == drawn_ids(1)
