"""Keys at Apple and Google, brought over HTTP: taken in any of their forms, shown by their public half, never told."""

import json
from typing import Any

import pytest

from tests.api.world import Answer, Shop
from tests.transports import apple_material, google_material


async def _bring(shop: Shop, channel: str, given: Any, **more: Any) -> Answer:
    return await shop.call(
        "POST", f"/v1/apps/{shop.id}/credentials", {"channel": channel, "private_key": given, **more}
    )


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize(
    ("channel", "given", "shown"),
    [
        ("apns", apple_material.p8(), {"key_id": apple_material.KEY_ID, "bundle_ids": [apple_material.BUNDLE]}),
        (
            "apns",
            apple_material.p12(),
            {"bundle_ids": [apple_material.BUNDLE], "environments": ["production", "sandbox"]},
        ),
        ("fcm", google_material.account(), {"project_id": google_material.PROJECT}),
    ],
    ids=["key", "certificate", "account"],
)
async def test_a_key_that_was_issued_is_taken(
    shop: Shop, channel: str, given: dict[str, Any], shown: dict[str, Any], *, as_text: bool
):
    """As the object that it is, or as its text; the answer shows whose it is, and nothing secret."""
    answer = await _bring(shop, channel, json.dumps(given) if as_text else given)

    assert answer.status == 201, answer.text
    assert (answer.body["channel"], answer.body["current"]) == (channel, True)
    assert answer.body["public"].items() >= shown.items()
    listed = await shop.call("GET", f"/v1/apps/{shop.id}/credentials")
    for text in (answer.text, listed.text):
        assert "PRIVATE" not in text
        assert "sesame" not in text
        assert given.get("pkcs12", "no such text") not in text


async def test_what_was_brought_is_in_the_audit_log_without_its_secret(shop: Shop):
    """Who brought what, for whom; the log is read by more people than the key is for."""
    given = apple_material.p8()
    brought = await _bring(shop, "apns", given)

    rows = await shop.gateway.services.database.fetch(
        "SELECT actor, action, target, detail FROM audit_log WHERE app_id = $1 AND action = 'credential_added'",
        shop.app.id,
    )
    mine = [row for row in rows if row["target"] == brought.body["id"]]
    assert [row["detail"]["provider"] for row in mine] == ["apns"]
    assert mine[0]["actor"].startswith("key_")
    secret_line = given["p8"].splitlines()[1]
    assert all(secret_line not in repr(dict(row)) for row in rows)


async def test_the_same_key_twice_is_one(shop: Shop):
    """A script that is run again brings nothing new."""
    given = google_material.account()

    first, again = await _bring(shop, "fcm", given), await _bring(shop, "fcm", given)

    assert first.body["id"] == again.body["id"]


@pytest.mark.parametrize(
    ("channel", "given", "word"),
    [
        ("apns", {**apple_material.p8(), "key_id": "short"}, "`key_id` is the 10 characters"),
        ("apns", {**apple_material.p8(), "bundle_ids": []}, "`bundle_ids`"),
        ("apns", {**apple_material.p8(), "p8": "-----BEGIN CANARY-----"}, "`p8`"),
        ("apns", {**apple_material.p12(), "password": "CANARY"}, "password is wrong"),
        ("apns", {}, "Give JSON"),
        ("fcm", google_material.account(project_id=None), "project_id"),
        ("fcm", {"project_info": {"canary": "CANARY"}}, "google-services.json"),
        ("fcm", "CANARY", "no JSON"),
    ],
)
async def test_a_key_that_is_none_is_refused_with_what_is_wrong(shop: Shop, channel: str, given: Any, word: str):
    """422, a sentence that names the field, and none of what was sent."""
    answer = await _bring(shop, channel, given)

    assert (answer.status, answer.code) == (422, "key_material_invalid"), answer.text
    assert word in answer.body["error"]["message"]
    assert answer.param
    assert "CANARY" not in answer.text


async def test_a_key_that_others_issue_is_not_rotated_here(shop: Shop):
    """The answer says what to do instead."""
    answer = await shop.call("POST", f"/v1/apps/{shop.id}/credentials/rotate", {"channel": "fcm"})

    assert (answer.status, answer.param) == (422, "channel")
    assert "import" in answer.body["error"]["message"]


async def test_pages_learn_nothing_of_keys_for_apps(shop: Shop):
    """Team ids and addresses of service accounts are no page's business."""
    await _bring(shop, "apns", apple_material.p8())
    await _bring(shop, "fcm", google_material.account())

    answer = await shop.page("GET", f"/v1/sdk/config?app={shop.id}")

    assert list(answer.body["channels"]) == ["webpush"]
    assert set(answer.body["channels"]["webpush"]) == {"vapid_public_key", "vapid_key_id"}
    assert apple_material.TEAM_ID not in answer.text
