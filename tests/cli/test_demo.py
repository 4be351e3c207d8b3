"""The demo as a newcomer meets it, and the verbs that talk to a running gateway."""

import json
import shlex
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal

Demo = tuple[Terminal, dict[str, Any]]
_DONE_S = 30


def _ask(url: str, body: object = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    data = None if body is None else json.dumps(body).encode()
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    request = urllib.request.Request(url, data=data, headers=sent)  # noqa: S310 - http, our own addresses
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, dict(refused.headers), refused.read()


def _announce(shop: str, title: str = "Sale", **headers: str) -> tuple[int, dict[str, Any]]:
    sent = {"Origin": shop, "Content_Type": "application/json", **headers}
    status, _, content = _ask(f"{shop}/demo/announce", {"title": title, "body": "today"}, **sent)
    return status, json.loads(content)


def test_the_shop_sends_and_the_counts_move(demo: Demo) -> None:
    """One click in the shop reaches every device."""
    _, urls = demo
    status, message = _announce(urls["shop"])
    assert status == 202
    ends_at = time.monotonic() + _DONE_S
    while True:
        _, _, content = _ask(f"{urls['shop']}/demo/messages/{message['id']}")
        shown = json.loads(content)
        if shown["state"] == "done":
            break
        assert time.monotonic() < ends_at, shown
        time.sleep(0.1)
    assert shown["counts"]["sent"] == shown["counts"]["audience"] == 40


def _phones(shop: str, path: str = "", body: object = None) -> dict[str, dict[str, Any]]:
    headers = {} if body is None else {"Origin": shop, "Content_Type": "application/json"}
    status, _, content = _ask(f"{shop}/demo/phones{path}", body, **headers)
    assert status == 200, content
    return {phone["platform"]: phone for phone in json.loads(content)}


def _until_noted(shop: str, platform: str, title: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The phone, once that title stands on its screen, and the note; others may stand above it."""
    ends_at = time.monotonic() + _DONE_S
    while True:
        phone = _phones(shop)[platform]
        for note in phone["notes"]:
            if note["title"] == title:
                return phone, note
        assert time.monotonic() < ends_at, phone
        time.sleep(0.1)


def test_both_phones_show_what_the_shop_sends(demo: Demo) -> None:
    """By way of Apple's and Google's services, as they would with accounts there."""
    shop = demo[1]["shop"]
    assert _announce(shop)[0] == 202
    for platform in ("ios", "android"):
        _, note = _until_noted(shop, platform, "Sale")
        assert (note["title"], note["body"]) == ("Sale", "today")


def test_a_phone_that_was_away_shows_what_waited(demo: Demo) -> None:
    """Taken offline on the page, nothing reaches it; when it comes back, what waited does."""
    shop = demo[1]["shop"]
    _announce(shop, "Before")
    away, _ = _until_noted(shop, "android", "Before")
    before = len(_phones(shop, f"/{away['id']}", {"online": False})["android"]["notes"])
    assert _announce(shop, "Meanwhile")[0] == 202
    ends_at = time.monotonic() + _DONE_S
    while not (phone := _phones(shop)["android"])["waiting"]:
        assert time.monotonic() < ends_at
        time.sleep(0.1)
    assert len(phone["notes"]) == before
    back = _phones(shop, f"/{away['id']}", {"online": True})["android"]
    assert (back["waiting"], back["is_online"]) == (0, True)
    assert "Meanwhile" in [note["title"] for note in back["notes"]]


def test_only_the_shops_own_page_takes_phones_offline(demo: Demo) -> None:
    """Another site cannot; an unknown phone is a 404."""
    shop = demo[1]["shop"]
    sent = {"Content_Type": "application/json"}
    assert _ask(f"{shop}/demo/phones/x", {"online": False}, Origin="https://evil.example", **sent)[0] == 403
    assert _ask(f"{shop}/demo/phones/x", {"online": False}, Origin=shop, **sent)[0] == 404
    assert _ask(f"{shop}/demo/phones/x", {"on": 1}, Origin=shop, **sent)[0] == 422


def test_the_shop_is_strict(demo: Demo) -> None:
    """The page loads nothing from elsewhere, and holds no key."""
    _, urls = demo
    for path in ("/", "/shop.js", "/shop.css", "/phones.js", "/phones.css", "/steeple/worker.js", "/bell.svg"):
        status, headers, content = _ask(urls["shop"] + path)
        assert status == 200
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert urls["api_key"].encode() not in content
        assert b"@GATEWAY@" not in content
        assert b"@APP@" not in content
    page = _ask(urls["shop"])[2].decode()
    assert 'data-steeple-prompt="stay-posted"' in page
    assert " style=" not in page
    assert "onclick" not in page


def test_visitors_are_asked_by_a_prompt_of_the_gateway(demo: Demo) -> None:
    """What the page asks is kept at the gateway, where it can be changed."""
    _, urls = demo
    config = f"{urls['gateway']}/v1/sdk/config?app={urls['app']}"
    (prompt,) = json.loads(_ask(config)[2])["prompts"]
    assert (prompt["slug"], prompt["kind"]) == ("stay-posted", "inline")
    assert prompt["variants"][0]["texts"]["en"]["yes"] == "Yes, tell me"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content_Type": "text/plain"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_other_sites_cannot_make_the_shop_send(demo: Demo, headers: dict[str, str], status: int) -> None:
    """A page of somebody else that a visitor has open gets nowhere."""
    _, urls = demo
    assert _announce(urls["shop"], **headers)[0] == status


def test_a_pasted_line_sends(demo: Demo) -> None:
    """`steeple send` with the printed key reaches everybody and says how it went."""
    terminal, _ = demo
    said = terminal(
        *shlex.split("send --all --title 'Belfry blend: 3 for 2' --body 'Until the bell strikes six.' --wait")
    )
    assert said.code == 0
    assert "is done: 40 sent of 40." in said.out


def test_a_message_is_watched_shown_and_listed(demo: Demo) -> None:
    """What was sent is found again, by people and by programs."""
    terminal, _ = demo
    sent = terminal("send", "--user", "visitor-3", "--title", "One", "--action", "buy=Buy", "--wait", "--json")
    assert sent.code == 0
    assert sent.json["counts"]["sent"] == 1
    shown = terminal("messages", "show", sent.json["id"], "--json").json
    assert shown["counts"] == sent.json["counts"]
    listed = terminal("messages", "list", "--limit", "2", "--json").json
    assert sent.json["id"] in [message["id"] for message in listed]
    assert sent.json["id"] in terminal("messages", "list").out


def test_a_dry_run_sends_nothing(demo: Demo) -> None:
    """It says how many it would be."""
    terminal, _ = demo
    before = terminal("messages", "list", "--limit", "1", "--json").json
    said = terminal("send", "--all", "--title", "Maybe", "--dry-run", "--json")
    assert said.json["audience"] == 40
    assert terminal("messages", "list", "--limit", "1", "--json").json == before


def test_a_scheduled_message_can_be_cancelled(demo: Demo) -> None:
    """What waits can be paused, resumed and called off."""
    terminal, _ = demo
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    message = terminal("send", "--all", "--title", "Later", "--at", at, "--json").json
    assert message["state"] == "scheduled"
    assert terminal("messages", "pause", message["id"], "--json").json["state"] == "paused"
    assert terminal("messages", "resume", message["id"], "--json").json["state"] == "scheduled"
    assert terminal("messages", "cancel", message["id"], "--json").json["state"] == "cancelled"
    assert terminal("messages", "resume", message["id"], "--json").error["code"] == "state_conflict"


def test_the_same_key_sends_once(demo: Demo) -> None:
    """A script that is started twice does not send twice."""
    terminal, _ = demo
    words = ("send", "--user", "visitor-1", "--title", "Once", "--idempotency-key", "order-1", "--json")
    assert terminal(*words).json["id"] == terminal(*words).json["id"]


def test_a_message_can_come_from_a_file(demo: Demo) -> None:
    """Everything the API takes, with options on top."""
    terminal, _ = demo
    message = json.dumps({"audience": {"users": ["visitor-2"]}, "title": {"en": "Hi", "nl": "Hoi"}})
    said = terminal("send", "--file", "-", "--body", "there", "--wait", "--json", stdin=message)
    assert said.json["title"] == {"en": "Hi", "nl": "Hoi"}
    assert said.json["body"] == "there"


def test_refusals_of_the_gateway_come_through(demo: Demo) -> None:
    """In its own words, with its own code."""
    terminal, _ = demo
    said = terminal("send", "--all", "--title", "x", "--url", "https://evil.example/", "--json")
    assert said.code == 1
    assert said.error["code"] == "link_refused"
    assert terminal("messages", "show", "msg_0000000000000", "--json").error["code"] == "not_found"


def test_subscriptions_travel(demo: Demo, tmp_path: Path) -> None:
    """What was exported can be imported: nothing is new, nothing is lost."""
    terminal, _ = demo
    file = tmp_path / "all.ndjson"
    assert terminal("export", "subscriptions", "-o", str(file)).code == 0
    assert len(file.read_text().splitlines()) == 40
    said = terminal("import", "subscriptions", str(file), "--json")
    assert said.code == 0
    assert (said.json["imported"], said.json["updated"], said.json["rejected"]) == (0, 40, 0)


def test_a_faulty_line_is_named(demo: Demo) -> None:
    """The good ones are taken, the bad ones are counted, and the exit code says so."""
    terminal, _ = demo
    said = terminal("import", "subscriptions", "-", stdin='{"channel": "webpush"}\nnonsense\n')
    assert said.code == 1
    assert "2 rejected" in said.out
    assert "line 1: " in said.err
    assert "line 2: " in said.err
