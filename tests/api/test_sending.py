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
