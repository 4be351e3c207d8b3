"""Where a notification may lead: nothing that a browser would read otherwise than we do."""

import pytest

from gateway.model.errors import Invalid
from gateway.policy.links import check_link, check_picture

_HOSTS = frozenset({"shop.example", "shop.example:8443", "xn--bcher-kva.example", "localhost:8000"})

_FINE = [
    "https://shop.example",
    "https://shop.example/",
    "https://SHOP.example/Path?q=ü&x=%20#top",
    "http://shop.example/",
    "https://shop.example:443/",
    "http://shop.example:80/",
    "https://shop.example:8443/x",
    "https://bücher.example/",
    "http://localhost:8000/cart",
    "https://shop.example?x=https://evil.example",
    "https://shop.example#//evil.example",
]

_BAD = [
    "",
    "/sale",
    "//evil.example/",
    "//shop.example/",
    "https:shop.example",
    "https:/shop.example",
    "https:///shop.example",
    "https:evil",
    "HTTPS://shop.example/",
    "javascript:alert(1)",
    "JaVaScRiPt://shop.example/%0aalert(1)",
    "data:text/html,x",
    "blob:https://shop.example/1",
    "ftp://shop.example/",
    "https://evil.example/",
    "https://evil.example/https://shop.example/",
    "https://shop.example.evil.example/",
    "https://evilshop.example/",
    "https://shop.example@evil.example/",
    "https://shop.example:x@evil.example/",
    "https://evil.example\\@shop.example/",
    "https://shop.example\\.evil.example/",
    "https:\\\\shop.example",
    "https://shop.example/\\evil.example",
    "https://evil.example?@shop.example/",
    "https://evil.example#@shop.example/",
    "https://shop.example:8444/",
    "https://shop.example:/",
    "https://shop.example:443:443/",
    "https://shop.example:٤٤٣/",
    "https://shop.example./",
    "https://shop。example/",
    "https://\u0455hop.example/",
    "https://[::1]/",
    "https://127.0.0.1/",
    " https://shop.example/",
    "https://shop.example /",
    "https://shop.example/\r\nSet-Cookie: a=b",
    "https://shop.example/\t",
    "https://shop.example/\x00",
    "https://shop.example/\u202e",
    "https://\u00adshop.evil/",
    "https://shop.example/" + "a" * 2048,
    "https://" + "é" * 300 + ".example/",
]


@pytest.mark.parametrize("url", _FINE)
def test_a_plain_link_to_the_shop_passes(url: str) -> None:
    """Paths, queries and fragments are the shop's business, in whatever script."""
    check_link(url, hosts=_HOSTS, param="url")


@pytest.mark.parametrize("url", _BAD)
def test_a_link_elsewhere_or_in_disguise_is_refused(url: str) -> None:
    """With the field's name and without a guess at what was meant."""
    with pytest.raises(Invalid) as refusal:
        check_link(url, hosts=_HOSTS, param="actions[0].url")
    assert (refusal.value.code, refusal.value.param) == ("link_refused", "actions[0].url")


def test_a_refusal_says_where_links_may_lead() -> None:
    """And where to change that; of many hosts the first."""
    with pytest.raises(Invalid, match=r"`evil\.example`.* localhost:8000, shop\.example .*PATCH /v1/apps") as refusal:
        check_link("https://evil.example/", hosts=frozenset({"shop.example", "localhost:8000"}), param="url")
    assert "..." not in refusal.value.message
    with pytest.raises(Invalid, match=r"host-0\.example.*, \.\.\. "):
        hosts = frozenset(f"host-{number}.example" for number in range(20))
        check_link("https://evil.example/", hosts=hosts, param="url")


@pytest.mark.parametrize(
    "url", ["http://cdn.example/i.png", "//cdn.example/i.png", "data:image/png,x", "https://a@b/i.png", "https://"]
)
def test_a_picture_comes_over_https(url: str) -> None:
    """From any host, but never in clear and never from a page's own data."""
    check_picture("https://cdn.example:8443/i.png?w=1", param="icon")
    with pytest.raises(Invalid):
        check_picture(url, param="icon")
