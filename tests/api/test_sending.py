"""Sending over HTTP: what a shop's server sees."""

from tests.api.world import Shop


async def test_a_message_is_accepted(shop: Shop):
    """A 202 names the message, and the message is there."""
    answer = await shop.call("POST", "/v1/messages", {"audience": {"all": True}, "title": "Hello"})
    assert answer.status == 202, answer.text
    assert answer.body["state"] == "accepted"
    shown = await shop.call("GET", f"/v1/messages/{answer.body['id']}")
    assert shown.status == 200, shown.text
    assert shown.body["id"] == answer.body["id"]
    assert shown.body["title"] == "Hello"


async def test_a_browser_enrols(shop: Shop):
    """A page of the app's origin gets an id and a secret for its browser."""
    device = await shop.enrol(topics=["sale"], language="nl", platform="chrome", os="android")
    assert device["id"].startswith("sub_")
    assert device["topics"] == ["sale"]
    shown = await shop.call("GET", f"/v1/subscriptions/{device['id']}")
    assert shown.body["platform"] == "chrome_android"


async def test_a_parameter_that_is_misspelt_sends_nothing(shop: Shop):
    """`?dryrun=true` is no dry run: whoever writes it is told so before anybody gets a message."""
    order = {"audience": {"all": True}, "title": "Hello"}
    for name in ("dryrun", "dry-run", "Dry_run"):
        answer = await shop.call("POST", f"/v1/messages?{name}=true", order)
        assert (answer.status, answer.code, answer.param) == (422, "field_unknown", name)
        assert "dry_run" in answer.body["error"]["message"]
    assert (await shop.call("GET", "/v1/messages")).body["data"] == []
    assert (await shop.call("GET", "/v1/subscriptions?usr=cust-17")).param == "usr"
    assert (await shop.call("POST", f"/v1/messages?app={shop.id}&dry_run=true", order)).status == 200
