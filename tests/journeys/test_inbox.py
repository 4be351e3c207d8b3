"""The inbox in the page: what somebody was sent, for those who get pushes and for those who refused them."""

import time
from typing import Any

import pytest

from gateway.model.ids import from_text, new_message_id, to_text
from gateway.model.limits import INBOX_DAYS, INBOX_MARKS_MAX, INBOX_SHELF_KEPT_S, VISITOR_DAYS
from gateway.store import pruning
from tests.journeys.notifications import shown
from tests.journeys.readers import Guest, proof_of, sent
from tests.journeys.test_coupons import pool
from tests.journeys.visitors import ORIGIN, Visitor
from tests.journeys.world import Shop


async def _inbox(who: Visitor, query: str = "") -> dict[str, Any]:
    status, said = await who.call("GET", f"/v1/subscriptions/{who.id}/inbox{query}")
    assert status == 200, said
    return said


async def _titles(who: Visitor) -> list[str]:
    return [one["title"] for one in (await _inbox(who))["data"]]


async def test_subscribers_find_what_they_were_sent(shop: Shop) -> None:
    """Newest first, in their language, with their own words; what does not stay, or was not for them, is not there."""
    await shop.call("PUT", "/v1/users/cust-17", {"attributes": {"first_name": "Ada"}})
    ada = await Visitor(shop, "203.0.113.5").enrolled(language="nl-BE")
    other = await Visitor(shop, "203.0.113.6").enrolled(language="en")
    await ada.call("POST", f"/v1/subscriptions/{ada.id}/identity", await proof_of(shop, "cust-17"))
    body = {"en": "Hi {{ user.first_name | default: 'there' }}", "nl": "Dag {{ user.first_name }}"}
    first = await sent(shop, "Sale", body=body, url="https://shop.example/sale", data={"sku": 1})
    await sent(shop, "Yours", {"users": ["cust-17"]})
    await sent(shop, "Fleeting", inbox=False)
    said = await _inbox(ada)
    assert [(one["title"], one["read"], one["banner"]) for one in said["data"]] == [
        ("Yours", False, False), ("Sale", False, False)
    ]  # fmt: skip
    assert (said["unread"], said["next"], said["link_hosts"]) == (2, None, ["shop.example"])
    sale = said["data"][1]
    assert (sale["id"], sale["body"], sale["url"], sale["data"], sale["category"]) == (
        first, "Dag Ada", "https://shop.example/sale", {"sku": 1}, "marketing"
    )  # fmt: skip
    (for_other,) = (await _inbox(other))["data"]
    assert for_other["body"] == "Hi there"


def _app(shop: Shop) -> str:
    return f"/v1/apps/{to_text('app', shop.app.public_id)}"


async def test_what_was_not_sent_is_not_found(shop: Shop) -> None:
    """Caps held it back, the rest was cancelled, or the device came later: an inbox is no back door."""
    await shop.call("PATCH", _app(shop), {"settings": {"caps": [{"per": "P1D", "max": 1}]}})
    shop.world.base.keyring.forget(shop.app)
    early = await Visitor(shop, "203.0.113.5").enrolled()
    await sent(shop, "First")
    await sent(shop, "One too many")
    late = await Visitor(shop, "203.0.113.6").enrolled()
    assert await _titles(early) == ["First"]
    assert await _titles(late) == []


async def test_who_refused_push_finds_what_would_have_been_sent(shop: Shop) -> None:
    """By the audience and by what is known of their person; nothing from before they came, and no caps."""
    await shop.call("PATCH", _app(shop), {"settings": {"caps": [{"per": "P1D", "max": 1}]}})
    shop.world.base.keyring.forget(shop.app)
    await shop.call("PUT", "/v1/users/cust-17", {"tags": {"plan": "gold"}, "attributes": {"first_name": "Ada"}})
    await sent(shop, "Long ago")
    guest = await Guest(shop).come(language="nl", platform="firefox", os="linux", timezone="Europe/Amsterdam")
    gold = {"where": {"all": [{"tag": "plan", "is": "gold"}]}}
    await sent(shop, "All")
    await sent(shop, "Dutch", {"languages": ["nl"]})
    await sent(shop, "English", {"languages": ["en"]})
    await sent(shop, "Gold", gold, body="{{ user.first_name }}")
    await sent(shop, "All but gold", {"all": True, "exclude": gold})
    await sent(shop, "Phones", {"channels": ["apns"]})
    await sent(shop, "Firefox", {"where": {"platform": "firefox_desktop"}})
    await sent(shop, "Ada's", {"users": ["cust-17"]})
    assert await guest.titles() == ["Firefox", "All but gold", "Dutch", "All"]
    await guest.login("cust-17")
    assert await guest.titles() == ["Ada's", "Firefox", "Gold", "Dutch", "All", "Long ago"]
    status, _, _ = await guest.call("DELETE", f"/v1/visitors/{guest.id}/identity")
    assert status == 204
    assert "Ada's" not in await guest.titles()


async def test_control_groups_find_nothing(shop: Shop) -> None:
    """Whoever is held out of marketing is held out of the inbox, too; what is no marketing they find."""
    await shop.call("PATCH", _app(shop), {"settings": {"holdout_percent": 50}})
    shop.world.base.keyring.forget(shop.app)
    guests = [await Guest(shop).come() for _ in range(20)]
    await sent(shop, "Sale")
    await sent(shop, "Recall of a toy", category="transactional")
    found = [await guest.titles() for guest in guests]
    assert {len(titles) for titles in found} == {1, 2}
    assert all(titles[0] == "Recall of a toy" for titles in found)


async def test_reading_is_remembered(shop: Shop) -> None:
    """One by one or all at once, on every device of the person; what comes later is unread again."""
    phone = await Visitor(shop, "203.0.113.5").enrolled()
    laptop = await Guest(shop).come()
    await phone.call("POST", f"/v1/subscriptions/{phone.id}/identity", await proof_of(shop, "cust-17"))
    await laptop.login("cust-17")
    first = await sent(shop, "One")
    await sent(shop, "Two")
    assert ((await _inbox(phone))["unread"], (await laptop.inbox())["unread"]) == (2, 2)
    assert await laptop.read(messages=[first]) == (204, None)
    said = await _inbox(phone)
    assert ([one["read"] for one in said["data"]], said["unread"]) == ([False, True], 1)
    assert (await phone.call("POST", f"/v1/subscriptions/{phone.id}/inbox/read", {"all": True}))[0] == 204
    await sent(shop, "Three")
    said = await laptop.inbox()
    assert ([one["read"] for one in said["data"]], said["unread"]) == ([False, True, True], 1)


async def test_marks_are_bounded(shop: Shop) -> None:
    """However many messages somebody says they have read, one row of bounded size remembers it."""
    guest = await Guest(shop).come()
    some: list[str] = []
    for _ in range(4):
        some = [to_text("msg", new_message_id(0)) for _ in range(100)]
        assert await guest.read(messages=some) == (204, None)
    rows = await shop.world.db.fetch("SELECT read FROM inbox_marks WHERE app_id = $1", shop.app.id)
    assert [len(row["read"]) for row in rows] == [INBOX_MARKS_MAX]
    assert to_text("msg", rows[0]["read"][-1]) == some[-1]


async def test_pages_follow_one_another(shop: Shop) -> None:
    """By cursor, newest first, each message once; a cursor that was tampered with is refused."""
    guest = await Guest(shop).come()
    for number in range(5):
        await sent(shop, f"No. {number}")
    found: list[str] = []
    query = "?limit=2"
    for unread in (5, None, None):
        said = await guest.inbox(query)
        assert said["unread"] == unread
        found += [one["title"] for one in said["data"]]
        query = f"?limit=2&after={said['next']}"
    assert (found, said["next"]) == ([f"No. {number}" for number in (4, 3, 2, 1, 0)], None)
    for cursor in ("x", "1.msg_x", "9" * 18 + ".msg_0000000000000", "-1.msg_0000000000000", "%00"):
        status, _, said = await guest.call("GET", f"/v1/visitors/{guest.id}/inbox?after={cursor}")
        assert (status, said["error"]["param"]) == (422, "after"), cursor
    for name, value in (("limit", "0"), ("language", "not a language")):
        status, _, said = await guest.call("GET", f"/v1/visitors/{guest.id}/inbox?{name}={value}")
        assert (status, said["error"]["param"]) == (422, name)


async def test_a_second_look_costs_next_to_nothing(shop: Shop) -> None:
    """The answer has a version: a page that has it gets a 304, until there is news of any kind."""
    guest = await Guest(shop).come()
    message = await sent(shop, "One")
    path = f"/v1/visitors/{guest.id}/inbox"
    _, headers, _ = await guest.call("GET", path)
    assert headers["Cache-Control"] == "private, no-cache"
    known = {"If-None-Match": headers["ETag"]}
    status, again, _ = await guest.call("GET", path, headers=known)
    assert (status, again["ETag"]) == (304, headers["ETag"])
    await guest.read(messages=[message])
    for change in ("read", "sent"):
        status, news, _ = await guest.call("GET", path, headers=known)
        assert status == 200, change
        known = {"If-None-Match": news["ETag"]}
        if change == "read":
            await sent(shop, "Two")


async def test_who_travels_reads_times_of_the_new_place(shop: Shop) -> None:
    """A device that tells another zone has other texts: what it has already is not the answer any more."""
    ada = await Visitor(shop, "203.0.113.5").enrolled(timezone="Europe/Amsterdam")
    await sent(shop, "Sale", body="Times of {{ device.timezone }}")
    url = f"{shop.world.url}/v1/subscriptions/{ada.id}/inbox"
    headers = {"Origin": ORIGIN, "Authorization": f"Bearer {ada.secret}"}
    async with shop.world.session.get(url, headers=headers) as answer:
        known = {**headers, "If-None-Match": answer.headers["ETag"]}
    assert (await ada.change(timezone="America/New_York"))[0] == 200
    async with shop.world.session.get(url, headers=known) as answer:
        assert answer.status == 200
        (sale,) = (await answer.json())["data"]
    assert sale["body"] == "Times of America/New_York"


async def test_what_was_called_off_or_is_over_goes(shop: Shop) -> None:
    """Cancelled, waiting for approval, still to come, past its `until`, or older than the inbox goes back."""
    guest = await Guest(shop).come()
    until = shop.world.clock.now().timestamp() + 3600
    await sent(shop, "For an hour", inbox={"until": _at(until)})
    later = await shop.send(title="Tomorrow", inbox=True, schedule={"at": _at(until + 80_000)})
    await shop.devices(1)
    wrong = await sent(shop, "Wrong price")
    status, _, said = await shop.call("POST", f"/v1/messages/{wrong}/recall", {})
    assert status in (200, 202), said
    stopped = await sent(shop, "Stopped")
    await shop.world.db.execute("UPDATE messages SET state = 5 WHERE id = $1", from_text("msg", stopped))
    await sent(shop, "Stays", inbox={"banner": True})
    assert await guest.titles() == ["Stays", "For an hour"]
    assert (await guest.inbox())["data"][0]["banner"] is True
    await shop.world.let_pass(3601)
    assert await guest.titles() == ["Stays"]
    _, _, cancelled = await shop.call("POST", f"/v1/messages/{later}/cancel")
    assert cancelled["state"] == "cancelled"
    await shop.world.let_pass(INBOX_DAYS * 86_400)
    assert await guest.titles() == []


def _at(moment_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment_s))


async def test_variants_and_coupons_are_those_that_were_sent(shop: Shop) -> None:
    """The inbox says what the push said, with the same code; reading gives nobody a code."""
    await pool(shop, 10)
    ada = await Visitor(shop, "203.0.113.5").enrolled()
    guest = await Guest(shop).come()
    given = await sent(shop, "Yours", body="{{ coupon.code }}", coupon={"pool": "winter"})
    (pushed,) = (await shown(shop, given)).values()
    assert pushed["body"].startswith("WINTER-")
    assert (await _inbox(ada))["data"][0]["body"] == pushed["body"]
    assert await guest.titles() == []
    variants = [{"name": "a", "title": "Plain"}, {"name": "b", "title": "Percent"}]
    either = await sent(shop, "Either", variants=variants)
    (pushed,) = (await shown(shop, either)).values()
    assert (await _inbox(ada))["data"][0]["title"] == pushed["title"]
    assert (await guest.titles())[0] in ("Plain", "Percent")


async def test_texts_stay_texts_and_links_lead_where_they_may(shop: Shop) -> None:
    """Markup comes out as it was written, and a host that was taken off the list is led to no more."""
    guest = await Guest(shop).come()
    markup = "<img src=x onerror=alert(1)>"
    actions = [{"id": "a", "title": markup, "url": "https://shop.example/y"}]
    await sent(shop, markup, url="https://shop.example/x", actions=actions)
    (entry,) = (await guest.inbox())["data"]
    assert (entry["title"], entry["actions"][0]["title"], entry["url"]) == (markup, markup, "https://shop.example/x")
    await shop.world.db.execute("UPDATE apps SET link_hosts = '{other.example}' WHERE id = $1", shop.app.id)
    shop.world.base.keyring.forget(shop.app)
    (entry,) = (await guest.inbox())["data"]
    assert (entry["url"], entry["actions"][0]["url"]) == ("", "")


_REFUSED = ((401, "secret_invalid"), (403, "signature_invalid"))
"""The second one where a secret leads to an app for which the login was not signed."""


async def test_foreign_secrets_open_nothing(shop: Shop) -> None:
    """Another visitor's secret, a device's, another app's, a guess, and an id that does not exist: one answer."""
    mine, other = await Guest(shop).come(), await Guest(shop).come()
    device = await Visitor(shop, "203.0.113.5").enrolled()
    elsewhere = await Guest(await shop.world.shop()).come()
    paths = {
        "GET": [f"/v1/visitors/{mine.id}/inbox", f"/v1/subscriptions/{device.id}/inbox"],
        "POST": [f"/v1/visitors/{mine.id}/inbox/read", f"/v1/visitors/{mine.id}/identity"],
        "DELETE": [f"/v1/visitors/{mine.id}", f"/v1/visitors/{mine.id}/identity"],
    }
    body = {"POST": {"all": True}}
    secrets = [other.secret, elsewhere.secret, other.secret[:-1] + "A", "stpl_vs_", "nonsense"]
    for method, some in paths.items():
        for path in some:
            given = body.get(method) if "identity" not in path else await proof_of(shop, "cust-17")
            for secret in (*secrets, *([] if "subscriptions" in path else [device.secret])):
                headers = {"Authorization": f"Bearer {secret}"}
                status, _, said = await mine.call(method, path, given, headers=headers)
                assert (status, said["error"]["code"]) in _REFUSED, (method, path, secret, said)
    for strange in ("vis_0000000000000", "vis_x", "sub_0000000000000", "%00"):
        status, _, said = await mine.call("GET", f"/v1/visitors/{strange}/inbox")
        assert status in (401, 404), said
    assert await mine.titles() == []


async def test_forged_logins_bind_nobody(shop: Shop) -> None:
    """Another person's signature, another app's, an expired one, or none."""
    guest = await Guest(shop).come()
    await shop.call("PUT", "/v1/users/cust-17", {})
    await sent(shop, "For 17", {"users": ["cust-17"]})
    good = await proof_of(shop, "cust-18")
    foreign = await proof_of(await shop.world.shop(), "cust-17")
    forged = [
        {**good, "external_id": "cust-17"},
        foreign,
        {**(await proof_of(shop, "cust-17")), "expires": "1"},
        {"external_id": "cust-17", "signature": "", "expires": good["expires"]},
    ]
    for proof in forged:
        status, _, said = await guest.call("POST", f"/v1/visitors/{guest.id}/identity", proof)
        assert (status, said["error"]["code"]) == (403, "signature_invalid")
    for proof in ({**good, "external_id": "a\x00b"}, {"signature": "x"}):
        status, _, said = await guest.call("POST", f"/v1/visitors/{guest.id}/identity", proof)
        assert status == 422, said
    assert await guest.titles() == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": ["msg_x"]}, "messages[0]"),
        ({"messages": ["msg_0000000000000"], "all": True}, "messages"),
        ({"messages": ["msg_0000000000000"] * 101}, "messages"),
        ({"all": 1}, "all"),
        ({"everything": True}, "everything"),
    ],
)
async def test_marks_that_make_no_sense_are_refused(shop: Shop, body: dict[str, Any], param: str) -> None:
    """With the field at fault, and nothing is noted."""
    guest = await Guest(shop).come()
    status, said = await guest.read(**body)
    assert (status, said["error"]["param"]) == (422, param)
    assert await shop.world.db.fetchval("SELECT count(*) FROM inbox_marks WHERE app_id = $1", shop.app.id) == 0


async def test_only_pages_of_the_app_make_visitors(shop: Shop) -> None:
    """A foreign origin, none, an unknown app, nonsense; and not too many from one address."""
    guest = Guest(shop, address="203.0.113.99")
    app = to_text("app", shop.app.public_id)
    for headers, body, expected in (
        ({"Origin": "https://evil.example"}, {"app": app}, 403),
        ({}, {"app": "app_0000000000000"}, 404),
        ({}, {"app": app, "language": "!"}, 422),
        ({}, {"app": app, "timezone": "Mars/Olympus"}, 422),
        ({}, {"app": app, "user": "cust-17"}, 422),
    ):
        status, _, said = await guest.call("POST", "/v1/visitors", body, headers=headers)
        assert status == expected, said
    async with shop.world.session.post(shop.world.url + "/v1/visitors", json={"app": app}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (403, "origin_refused")
    statuses = {(await guest.call("POST", "/v1/visitors", {"app": app}))[0] for _ in range(110)}
    assert statuses == {201, 429}


async def test_messages_say_how_they_stay(shop: Shop) -> None:
    """`inbox` is true, or says until when and whether as a banner; anything else is refused with its path."""
    now_s = shop.world.clock.now().timestamp()
    for inbox, param in (
        ("yes", "inbox"),
        ({"until": "2020-01-01T00:00:00Z"}, "inbox.until"),
        ({"until": _at(now_s + 31 * 86_400)}, "inbox.until"),
        ({"until": "2026-12-01T09:00:00"}, "inbox.until"),
        ({"sticky": True}, "inbox.sticky"),
        ({"banner": "yes"}, "inbox.banner"),
    ):
        body = {"audience": {"all": True}, "title": "x", "inbox": inbox}
        status, _, said = await shop.call("POST", "/v1/messages", body)
        assert (status, said["error"]["param"]) == (422, param), said
    message = await shop.send(inbox={"banner": True})
    assert (await shop.message(message))["inbox"] == {"until": None, "banner": True}
    assert (await shop.message(await shop.send()))["inbox"] is None


async def test_a_person_is_told_of_it_and_forgotten_with_it(shop: Shop) -> None:
    """The export names the browsers and what was read; erasing a person takes both."""
    guest = await Guest(shop).come(language="nl")
    await guest.login("cust-17")
    message = await sent(shop, "One")
    await guest.read(messages=[message])
    _, _, told = await shop.call("GET", "/v1/users/cust-17/export")
    (visitor,) = told["inbox"]["visitors"]
    assert (visitor["id"], visitor["language"], told["inbox"]["read"]) == (guest.id, "nl", [message])
    status, _, _ = await shop.call("DELETE", "/v1/users/cust-17")
    assert status == 204
    status, _, _ = await guest.call("GET", f"/v1/visitors/{guest.id}/inbox")
    assert status == 401
    assert await _rows(shop) == (0, 0)


async def _rows(shop: Shop) -> tuple[int, int]:
    """Visitors and rows of marks."""
    found = [
        await shop.world.db.fetchval("SELECT count(*) FROM visitors WHERE app_id = $1", shop.app.id),
        await shop.world.db.fetchval("SELECT count(*) FROM inbox_marks WHERE app_id = $1", shop.app.id),
    ]
    return found[0], found[1]


async def test_visitors_leave_and_are_forgotten(shop: Shop) -> None:
    """At once when they say so; otherwise after half a year without a visit."""
    leaving, staying, gone = [await Guest(shop).come() for _ in range(3)]
    for guest in (leaving, staying, gone):
        await guest.read(all=True)
    assert (await leaving.call("DELETE", f"/v1/visitors/{leaving.id}"))[0] == 204
    assert await _rows(shop) == (2, 2)
    db = shop.world.db
    await db.execute(
        "UPDATE visitors SET seen_at = seen_at - $2 * interval '1 day' WHERE app_id = $1", shop.app.id, VISITOR_DAYS + 1
    )
    await db.execute(
        "UPDATE inbox_marks SET changed_at = changed_at - interval '40 days' WHERE app_id = $1", shop.app.id
    )
    assert await staying.titles() == []  # was here: known for another half year
    await pruning.prune(db)
    assert await _rows(shop) == (1, 0)
    assert (await gone.call("GET", f"/v1/visitors/{gone.id}/inbox"))[0] == 401


async def test_ten_thousand_messages_cost_no_more_than_five_hundred(shop: Shop) -> None:
    """A shop that floods its inbox: readers find the newest, and an answer stays quick."""
    guest = await Guest(shop).come()
    template = await sent(shop, "No. 0")
    await shop.world.db.execute(
        """
        INSERT INTO messages (app_id, bucket, id, kind, state, content, audience, due_at, expires_at, planned_at,
                              finished_at, tally, created_at, terms)
        SELECT app_id, bucket, id + n * 1024, kind, state, jsonb_set(content, '{title}', to_jsonb('No. ' || n)),
               audience, due_at, expires_at, planned_at + n * interval '1 ms', finished_at, '{}', created_at, terms
          FROM messages CROSS JOIN generate_series(1, 10000) AS n WHERE app_id = $1 AND id = $2
        """,
        shop.app.id,
        from_text("msg", template),
    )
    await shop.world.let_pass(INBOX_SHELF_KEPT_S + 10)
    began = time.perf_counter()
    said = await guest.inbox()
    first_s = time.perf_counter() - began
    assert [one["title"] for one in said["data"]][:2] == ["No. 10000", "No. 9999"]
    assert said["unread"] == 100
    began = time.perf_counter()
    await guest.inbox()
    assert (first_s, time.perf_counter() - began) < (2.0, 0.5)
    pages = 0
    while said["next"] is not None:
        said = await guest.inbox(f"?limit=100&after={said['next']}")
        pages += 1
    assert pages == 5
