"""`/v1/lists` over HTTP: what is refused, and how many lists there may be."""

from typing import Any

import pytest

from gateway.model.limits import LISTS_PER_APP_MAX
from gateway.store.database import Database
from tests.api.world import Shop

_TITLE = {"title": "x"}


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/messages", {**_TITLE, "audience": {"lists": ["vip"]}}, "audience.lists"),
        (
            "/v1/messages",
            {**_TITLE, "audience": {"all": True, "exclude": {"lists": ["vip"]}}},
            "audience.exclude.lists",
        ),
        ("/v1/messages", {**_TITLE, "audience": {"where": {"list": "vip"}}}, "audience.where.list"),
        ("/v1/segments", {"slug": "s", "audience": {"lists": ["vip"]}}, "audience.lists"),
    ],
)
async def test_a_list_that_is_not_there_is_named(shop: Shop, path: str, body: dict[str, Any], param: str):
    """422 with the place that names it, rather than a message to nobody; once the list is there, it goes."""
    refused = await shop.call("POST", path, body)
    assert (refused.status, refused.code, refused.param) == (422, "list_unknown", param), refused.text
    assert (await shop.call("POST", "/v1/lists", {"slug": "vip"})).status == 201
    assert (await shop.call("POST", path, body)).status in (201, 202)


async def test_another_apps_list_is_not_there(shop: Shop, rival: Shop):
    """A list counts in its own app only."""
    assert (await rival.call("POST", "/v1/lists", {"slug": "vip"})).status == 201
    refused = await shop.call("POST", "/v1/messages", {**_TITLE, "audience": {"lists": ["vip"]}})
    assert (refused.status, refused.code, refused.param) == (422, "list_unknown", "audience.lists")


async def test_an_app_has_a_bounded_number_of_lists(api_database: Database, shop: Shop, rival: Shop):
    """The next one is a 409, until one goes; another app is not counted."""
    await api_database.execute(
        "INSERT INTO lists (app_id, slug, name, number) SELECT $1, 'l' || n, 'l', n FROM generate_series(1, $2) n",
        shop.app.id,
        LISTS_PER_APP_MAX,
    )
    refused = await shop.call("POST", "/v1/lists", {"slug": "more"})
    assert (refused.status, refused.code, refused.param) == (409, "lists_too_many", None)
    taken = await shop.call("POST", "/v1/lists", {"slug": "l1"})
    assert (taken.status, taken.code, taken.param) == (409, "name_taken", "slug")
    assert (await rival.call("POST", "/v1/lists", {"slug": "more"})).status == 201
    assert (await shop.call("DELETE", "/v1/lists/l1")).status == 204
    assert (await shop.call("POST", "/v1/lists", {"slug": "more"})).status == 201
