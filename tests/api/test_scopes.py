"""Who may call what: every line of the URL table, with every key that is not enough for it."""

import pytest

from gateway.api.route import Route
from gateway.api.routes import ROUTES
from gateway.model.app import Scope
from tests.api.paths import filled
from tests.api.world import Gateway, Shop

_APP_SCOPES: tuple[Scope, ...] = ("send", "read", "manage")
_KEYED = [route for route in ROUTES if route.auth.kind in ("key", "device")]
_WRONG = [(route, scope) for route in _KEYED for scope in _APP_SCOPES if scope != route.auth.scope]


def _path(route: Route) -> str:
    """The path with ids that could be."""
    return filled(route.path)


def _named(value: object) -> str:
    return f"{value.method} {value.path}" if isinstance(value, Route) else str(value)


@pytest.mark.parametrize(("route", "scope"), _WRONG, ids=_named)
async def test_a_key_without_the_scope_is_refused(shop: Shop, route: Route, scope: Scope):
    """A key that leaks can do no more than its scopes say."""
    answer = await shop.call(route.method, _path(route), key=await shop.new_key(scope))
    assert (answer.status, answer.code) == (403, "scope_missing")


@pytest.mark.parametrize("route", _KEYED, ids=_named)
async def test_no_key_is_no_entry(shop: Shop, route: Route):
    """Nothing that needs a key answers without one."""
    answer = await shop.page(route.method, _path(route))
    assert (answer.status, answer.code) == (401, "key_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", [route for route in ROUTES if route.auth.kind == "key"], ids=_named)
async def test_a_key_that_was_revoked_is_no_entry(shop: Shop, route: Route):
    """A made-up key of the right shape opens nothing."""
    answer = await shop.call(route.method, _path(route), key="stpl_sk_" + "0" * 62)
    assert (answer.status, answer.code) == (401, "key_invalid")


async def test_a_key_with_one_letter_changed_opens_nothing(shop: Shop):
    """A typing error is told apart from a wrong key, and neither enters."""
    wrong = shop.key[:-1] + ("a" if shop.key[-1] != "a" else "b")
    answer = await shop.call("GET", "/v1/topics", key=wrong)
    assert (answer.status, answer.code) == (401, "key_invalid")


async def test_a_header_of_another_kind_is_refused(shop: Shop):
    """Basic authentication is not taken for a key."""
    answer = await shop.page("GET", "/v1/topics", headers={"Authorization": "Basic YTpi"})
    assert (answer.status, answer.code) == (401, "key_invalid")


async def test_the_operator_may_do_everything_in_an_app_it_names(gateway: Gateway, shop: Shop):
    """A key of the installation has to say which app it means, and then may."""
    admin = await gateway.admin_key()
    unnamed = await shop.call("GET", "/v1/topics", key=admin)
    assert (unnamed.status, unnamed.code, unnamed.param) == (422, "field_missing", "app")
    assert (await shop.call("GET", f"/v1/topics?app={shop.id}", key=admin)).status == 200


async def test_a_revoked_key_stops_working(shop: Shop):
    """After its owner revokes it, a key is refused by the process that revoked it at once."""
    made = await shop.call("POST", "/v1/keys", {"name": "till", "scopes": ["read"]})
    assert made.status == 201
    assert (await shop.call("GET", "/v1/topics", key=made.body["key"])).status == 200
    assert (await shop.call("DELETE", f"/v1/keys/{made.body['id']}")).status == 204
    answer = await shop.call("GET", "/v1/topics", key=made.body["key"])
    assert (answer.status, answer.code) == (401, "key_invalid")
