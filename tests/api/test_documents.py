"""The reference: complete, valid, served without anything from outside."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.api.examples import EXAMPLES
from gateway.api.routes import ROUTES
from gateway.model.errors import ERROR_CODES
from tests.api.paths import filled
from tests.api.world import Gateway, Shop


async def test_the_document_is_valid_openapi(shop: Shop):
    """What generators of clients read."""
    answer = await shop.page("GET", "/openapi.json")
    assert answer.status == 200
    OpenAPIV31SpecValidator(answer.body).validate()


async def test_every_route_is_in_the_document(shop: Shop):
    """With its summary, who may call it, and the structs of its bodies."""
    paths = (await shop.page("GET", "/openapi.json")).body["paths"]
    shown = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert shown == {(route.method, route.path) for route in ROUTES if route.is_documented}
    for route in ROUTES:
        if route.is_documented:
            operation = paths[route.path][route.method.lower()]
            assert operation["summary"]
            assert ("requestBody" in operation) is (route.request is not None or route.reads != "application/json")
            assert str(route.status) in operation["responses"]


async def test_the_document_tells_the_bounds(shop: Shop):
    """A client can know before it sends what would be refused."""
    schemas = (await shop.page("GET", "/openapi.json")).body["components"]["schemas"]
    assert schemas["SendRequest"]["properties"]["ttl"]["maximum"] == 2_419_200
    assert schemas["SendRequest"]["additionalProperties"] is False
    assert schemas["AudienceRequest"]["properties"]["users"]["maxItems"] == 10_000
    assert "all" in schemas["AudienceRequest"]["properties"]


@pytest.mark.parametrize(("method", "path"), EXAMPLES, ids=str)
async def test_every_example_works(gateway: Gateway, shop: Shop, method: str, path: str):
    """What the reference shows can be copied and sent."""
    body: Any = EXAMPLES[method, path]
    key = await gateway.admin_key() if (method, path) == ("POST", "/v1/apps") else shop.key
    await shop.call("PATCH" if method == "PUT" else "PUT", "/v1/users/cust-17", {})
    answer = await shop.call(method, filled(path, id=shop.id), body, key=key)
    assert answer.status in (200, 201, 202), answer.text
    assert '"error"' not in answer.text


class _Resources(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [value for name in ("src", "href") if (value := given.get(name))]
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)


async def test_the_page_is_closed_to_the_outside(shop: Shop):
    """Nothing inline, nothing foreign, and a policy that would stop it."""
    page = await shop.page("GET", "/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    reader = _Resources()
    reader.feed(page.text)
    assert reader.inline == []
    assert all(link.startswith(("/docs/", "/openapi.json", "#", "data:,")) for link in reader.found)
    for name in (link for link in reader.found if link.startswith("/docs/")):
        file = await shop.page("GET", name)
        assert file.status == 200
        assert not re.search(r"https?://|innerHTML|eval\(|insertAdjacentHTML|document\.write", file.text)
        again = await shop.page("GET", name, headers={"If-None-Match": file.headers["ETag"]})
        assert again.status == 304


async def test_every_code_has_its_place_in_the_document(shop: Shop):
    """The doc_url of a refusal leads somewhere."""
    assert (await shop.page("GET", "/openapi.json")).body["x-error-codes"] == ERROR_CODES
