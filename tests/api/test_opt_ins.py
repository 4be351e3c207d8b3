"""What pages tell of visitors who were asked, what is made of it, and who wins."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from gateway.analytics.opt_ins import OptIns
from gateway.model.limits import LOCK_TIMEOUT_S, OPT_IN_ROWS_PER_DAY_MAX
from gateway.subscribers.prompt_winners import decide_due
from tests.api.world import Answer, Shop
from tests.store.waiting import wait_for_a_lock

_TWO = [{"name": "plain"}, {"name": "offer", "texts": {"en": {"title": "10 % off"}}}]
_FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


async def _prompt(shop: Shop, **fields: Any) -> None:
    made = await shop.call("POST", "/v1/prompts", {"slug": "welcome", **fields})
    assert made.status == 201, made.text


async def _tell(shop: Shop, *reports: dict[str, Any], **options: Any) -> Answer:
    return await shop.page("POST", "/v1/prompts/outcomes", {"app": shop.id, "reports": list(reports)}, **options)


def _at(shop: Shop, gateway: Any) -> Shop:
    """The same shop at another gateway."""
    return Shop(gateway, shop.session, shop.app, shop.key)


async def _happened(shop: Shop, variant: str, **outcomes: int) -> None:
    """So many visitors of a variant."""
    for outcome, n in outcomes.items():
        report = {"prompt": "welcome", "variant": variant, "path": "/", "outcome": outcome}
        whole, rest = divmod(n, 20)
        told = await asyncio.gather(*(_tell(shop, *[report] * size) for size in [20] * whole + [rest] * bool(rest)))
        assert {one.status for one in told} <= {202}


async def _report(shop: Shop, query: str = "") -> dict[str, Any]:
    answer = await shop.call("GET", f"/v1/reports/opt-ins{query}")
    assert answer.status == 200, answer.text
    return answer.body


def _by(rows: Sequence[dict[str, Any]], name: str, outcome: str = "asked") -> dict[str, int]:
    return {row[name]: row[outcome] for row in rows}


async def test_the_funnel_is_counted_by_day_page_browser_prompt_and_variant(shop: Shop):
    """A visitor is asked, agrees, and is asked by the browser; elsewhere one says no, and one was asked without us."""
    await _prompt(shop, variants=_TWO)
    asked = {"prompt": "welcome", "variant": "offer", "path": "/sale/?id=7"}
    told = await _tell(shop, *({**asked, "outcome": outcome} for outcome in ("asked", "yes", "granted")))
    assert (told.status, told.text) == (202, "")
    elsewhere = {"prompt": "welcome", "variant": "plain", "path": "/orders/48213"}
    await _tell(shop, {**elsewhere, "outcome": "asked"}, {**elsewhere, "outcome": "dismissed"}, headers=_FIREFOX)
    await _tell(shop, {"outcome": "denied", "path": "/sale"})

    report = await _report(shop)
    today = datetime.now(UTC).date()
    assert (report["first"], report["last"]) == (str(today - timedelta(days=29)), str(today))
    total = {name: report["total"][name] for name in ("asked", "yes", "dismissed", "granted", "denied")}
    assert total == {"asked": 2, "yes": 1, "dismissed": 1, "granted": 1, "denied": 1}
    assert (report["total"]["opt_in_rate"], report["total"]["grant_rate"]) == (0.5, 0.5)
    assert [day["day"] for day in report["days"]] == [str(today)]
    assert _by(report["pages"], "page") == {"/sale": 1, "/orders/*": 1}
    assert _by(report["browsers"], "browser") == {"other": 1, "firefox": 1}
    assert _by(report["prompts"], "prompt") == {"welcome": 2, "": 0}
    assert _by(report["prompts"][0]["variants"], "name", "granted") == {"plain": 0, "offer": 1}

    chosen = await _report(shop, "?prompt=welcome&variant=plain&days=1")
    assert _by(chosen["pages"], "page", "dismissed") == {"/orders/*": 1}
    assert (await _report(shop, "?prompt=other"))["total"]["opt_in_rate"] is None


async def test_what_there_is_not_is_not_counted(shop: Shop, rival: Shop):
    """Another prompt, another variant, a prompt of somebody else's app; the page hears nothing of it."""
    await _prompt(shop, variants=_TWO)
    fields = {"outcome": "granted", "path": "/"}
    for report in ({"prompt": "other"}, {"prompt": "welcome", "variant": "z"}, {"prompt": "welcome"}):
        assert (await _tell(shop, {**fields, **report})).status == 202
    assert (await _tell(rival, {**fields, "prompt": "welcome", "variant": "plain"})).status == 202
    assert (await _report(shop))["prompts"] == []
    assert (await _report(rival))["prompts"] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"reports": []}, "reports"),
        ({"reports": [{"outcome": "asked"}] * 21}, "reports"),
        ({"reports": [{"outcome": "bought"}]}, "reports[0].outcome"),
        ({"reports": [{"outcome": "asked", "n": 1000}]}, "reports[0].n"),
        ({"reports": [{"outcome": "asked", "path": "/" + "x" * 1000}]}, "reports[0].path"),
        ({"reports": [{"outcome": "asked", "prompt": "x" * 65}]}, "reports[0].prompt"),
        ({"reports": [{"outcome": "asked", "path": 7}]}, "reports[0].path"),
        ({}, "reports"),
    ],
)
async def test_what_cannot_be_read_is_refused(shop: Shop, body: dict[str, Any], param: str):
    """422, and none of it counts."""
    answer = await shop.page("POST", "/v1/prompts/outcomes", {"app": shop.id, **body})
    assert (answer.status, answer.param) == (422, param), answer.text


async def test_pages_of_others_count_nothing(shop: Shop):
    """403 for an origin that is not the app's, 404 for an app that there is not."""
    report = {"outcome": "asked"}
    assert (await _tell(shop, report, headers={"Origin": "https://evil.example"})).code == "origin_refused"
    assert (
        await shop.page("POST", "/v1/prompts/outcomes", {"app": "app_0000000000000", "reports": [report]})
    ).status == 404
    assert (await _report(shop))["prompts"] == []


async def test_hostile_paths_and_names_are_text(shop: Shop):
    """Nothing of them is more than a row that stands for nobody."""
    paths = ("/a'; DROP TABLE opt_ins; --", "/<script>", "/\u202e", "/%00", "//", "/\\..\\..", "?" * 900)
    assert (await _tell(shop, *({"outcome": "asked", "path": path} for path in paths))).status == 202
    report = await _report(shop)
    assert report["total"]["asked"] == len(paths)
    assert "/<script>" in _by(report["pages"], "page")
    nul = await _tell(shop, {"outcome": "asked", "path": "/\0"})
    assert (nul.status, nul.code) == (422, "field_invalid")


async def test_a_day_has_a_bounded_number_of_rows(shop: Shop):
    """However many pages are made up: beyond that they are counted without their page, and known ones go on."""
    db = shop.gateway.services.database
    await _tell(shop, {"outcome": "asked", "path": "/known"})
    await db.execute(
        """
        INSERT INTO opt_ins (app_id, bucket, day, prompt, began_at, variant, page, browser)
        SELECT $1, $2, $3, '', to_timestamp(0), '', '/made-up-' || n, 'other' FROM generate_series(2, $4::int) n
        """,
        shop.app.id,
        shop.app.home,
        datetime.now(UTC).date(),
        OPT_IN_ROWS_PER_DAY_MAX,
    )
    await _tell(shop, *({"outcome": "asked", "path": path} for path in ("/known", "/one", "/two", "/three")))
    assert _by((await _report(shop))["pages"][:2], "page") == {"": 3, "/known": 2}
    rows = await db.fetchval("SELECT count(*) FROM opt_ins WHERE app_id = $1", shop.app.id)
    assert rows == OPT_IN_ROWS_PER_DAY_MAX + 1


async def test_a_flood_is_refused_before_it_is_held(shop: Shop, changed: Any):
    """429 with Retry-After, from each address by its rate and from all together by what may wait."""
    strict = msgspec.structs.replace(shop.gateway.services.settings, rate_public=1)
    few = await changed(settings=strict)
    answers = [await _tell(_at(shop, few), {"outcome": "asked"}) for _ in range(7)]
    assert [answer.status for answer in answers[:5]] == [202] * 5
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    busy = await changed(opt_ins=OptIns(shop.gateway.services.database, queue_max=1))
    refused = await _tell(_at(shop, busy), {"outcome": "asked"}, {"outcome": "asked"})
    assert (refused.status, refused.headers["Retry-After"]) == (429, "5")


async def test_an_app_whose_rows_are_locked_keeps_no_other_waiting(shop: Shop, rival: Shop):
    """While one app's sums are in somebody's hands, what visitors of all others answered is counted at once."""
    database = shop.gateway.services.database
    for one in (rival, shop):
        await _tell(one, {"outcome": "asked"})
    async with database.transaction() as tx:
        await tx.execute("UPDATE opt_ins SET asked = asked WHERE app_id = $1", rival.app.id)
        stuck = asyncio.create_task(_tell(rival, {"outcome": "asked"}))
        await wait_for_a_lock(database)
        async with asyncio.timeout(LOCK_TIMEOUT_S / 2):
            assert (await _tell(shop, {"outcome": "asked"})).status == 202
        assert not stuck.done()
    assert (await stuck).status == 202


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("days=0", "days"),
        ("days=401", "days"),
        ("days=x", "days"),
        ("prompt=A%20B", "prompt"),
        ("variant=%07", "variant"),
    ],
)
async def test_a_wrong_question_names_its_field(shop: Shop, query: str, param: str):
    """422."""
    answer = await shop.call("GET", f"/v1/reports/opt-ins?{query}")
    assert (answer.status, answer.param) == (422, param)


async def test_a_low_grant_rate_is_told(shop: Shop):
    """Before the browsers go quiet on the site."""
    await _prompt(shop)
    await _happened(shop, "", granted=20, denied=79)
    assert (await _report(shop))["warnings"] == []
    await _happened(shop, "", denied=1)
    assert [one["code"] for one in (await _report(shop))["warnings"]] == ["grant_rate_low"]


async def _let_pass(shop: Shop) -> None:
    """The time that variants are to be tried for."""
    await shop.gateway.services.database.execute(
        "UPDATE prompts SET decide_at = now() - interval '1 second' WHERE app_id = $1", shop.app.id
    )
    services = shop.gateway.services
    await decide_due(services.database, services.keyring.app_by_id)


async def test_the_best_variant_wins_once_enough_were_asked(shop: Shop):
    """Too few: they are tried on. Then everybody sees the best, until what visitors see is changed."""
    await _prompt(shop, variants=_TWO, experiment={"winner": "granted", "after": "P7D"})
    await _happened(shop, "plain", asked=120, granted=10)
    await _happened(shop, "offer", asked=99, granted=40)
    await _let_pass(shop)
    early = (await shop.call("GET", "/v1/prompts/welcome")).body
    assert early["winner"] is None
    assert datetime.fromisoformat(early["decide_at"]) > datetime.now(UTC)

    await _happened(shop, "offer", asked=21)
    await _let_pass(shop)
    assert (await shop.call("GET", "/v1/prompts/welcome")).body["winner"] == "offer"
    config = (await shop.page("GET", f"/v1/sdk/config?app={shop.id}")).body["prompts"]
    assert [one["name"] for one in config[0]["variants"]] == ["offer"]
    (figures,) = (await _report(shop))["prompts"]
    plain, offer = figures["variants"]
    assert (figures["winner"], figures["decided_by"]) == ("offer", "best")
    assert (plain["successes"], offer["successes"], offer["rate"]) == (10, 40, pytest.approx(1 / 3))
    assert plain["p_value"] is None
    assert offer["p_value"] < 0.001
    assert offer["is_significant"]
    assert offer["difference_interval"]["low"] > 0

    await shop.call("PATCH", "/v1/prompts/welcome", {"texts": {"en": {"title": "Other"}}})
    anew = (await shop.call("GET", "/v1/prompts/welcome")).body
    assert (anew["winner"], anew["decided_at"]) == (None, None)
    (figures,) = (await _report(shop))["prompts"]
    assert _by(figures["variants"], "name") == {"plain": 0, "offer": 0}
    assert figures["asked"] == 240


async def test_a_prompt_that_rests_is_not_decided(shop: Shop):
    """Nobody sees it; it is decided when it is shown again."""
    await _prompt(shop, variants=_TWO, experiment={"winner": "yes", "after": "P7D"})
    await _happened(shop, "plain", asked=100, yes=1)
    await _happened(shop, "offer", asked=100, yes=2)
    await shop.call("PATCH", "/v1/prompts/welcome", {"is_active": False})
    await _let_pass(shop)
    assert (await shop.call("GET", "/v1/prompts/welcome")).body["winner"] is None
    await shop.call("PATCH", "/v1/prompts/welcome", {"is_active": True})
    await _let_pass(shop)
    assert (await shop.call("GET", "/v1/prompts/welcome")).body["decided_by"] == "best"


async def test_a_winner_is_chosen_by_hand_once(shop: Shop):
    """Any variant, with an experiment or without."""
    await _prompt(shop, variants=_TWO)
    unknown = await shop.call("POST", "/v1/prompts/welcome/winner", {"variant": "z"})
    assert (unknown.status, unknown.param) == (422, "variant")
    chosen = await shop.call("POST", "/v1/prompts/welcome/winner", {"variant": "plain"})
    assert (chosen.body["winner"], chosen.body["decided_by"]) == ("plain", "hand")
    again = await shop.call("POST", "/v1/prompts/welcome/winner", {"variant": "offer"})
    assert (again.status, again.code) == (409, "state_conflict")
    assert (await shop.call("POST", "/v1/prompts/other/winner", {"variant": "plain"})).status == 404
