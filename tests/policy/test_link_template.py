"""Links with fields: whatever a field holds, the link leads to the shop, or nowhere."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.errors import Invalid
from gateway.model.message import Content
from gateway.policy.links import check_link, tagged
from gateway.policy.liquid import TextUnmade
from gateway.policy.personalise import said_to
from gateway.policy.scope import Values
from gateway.policy.wording import Wording
from tests.policy.people import somebody

_HOSTS = frozenset({"shop.example"})
_NASTY = st.one_of(
    st.text(max_size=30),
    st.sampled_from([
        "//evil.example", "@evil.example", "\\\\evil.example", "https://evil.example/", "javascript:alert(1)", "../..",
        "?a=b#c", "%2f%2fevil.example", ":8443", ".evil.example", "https://shop.example@evil.example", "\t//x",
        "#", "\n",
    ]),
)  # fmt: skip


def _url(url: str, attributes: dict[str, Any] | None = None, *, utm: dict[str, str] | None = None) -> str:
    wording = Wording(hosts=_HOSTS, utm=utm or {}, values=Values(variables={"order": "A 7/b?c"}))
    return said_to(Content(title="x", url=url), wording, somebody(attributes)).url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://shop.example/p/{{ user.p }}", "https://shop.example/p/a%20b/c%3Fd%23e"),
        ("https://shop.example/p?q={{ user.p }}&x=1", "https://shop.example/p?q=a%20b%2Fc%3Fd%23e&x=1"),
        ("https://shop.example/#{{ user.p }}", "https://shop.example/#a%20b%2Fc%3Fd%23e"),
        ("https://shop.example/{{ order }}", "https://shop.example/A%207/b%3Fc"),
        ("{{ user.home }}", "https://shop.example/home"),
        ("https://{{ user.host }}/x", "https://shop.example/x"),
        ("https://shop.example/{{ user.p | upcase | url_encode }}", "https://shop.example/A+B%2FC%3FD%23E"),
        ("{{ user.nothing }}", ""),
    ],
)
def test_a_value_is_written_as_its_place_demands(url: str, said: str):
    """In the path it stays in the path, behind the question mark it stays one value."""
    assert _url(url, {"p": "a b/c?d#e", "home": "https://shop.example/home", "host": "shop.example"}) == said


@given(value=_NASTY, other=_NASTY)
@pytest.mark.parametrize(
    "url",
    [
        "{{ user.a }}",
        "{{ user.a }}{{ user.b }}",
        "https://{{ user.a }}",
        "https://shop.example{{ user.a }}",
        "https://shop.example:{{ user.a }}/{{ user.b }}",
        "https://shop.example/{{ user.a }}/{{ user.b }}",
        "https://shop.example/?q={{ user.a }}#{{ user.b }}",
        "https://shop.example/{{ user.a | append: user.b }}",
        "{% if user.a %}{{ user.a }}{% endif %}{{ user.b }}",
    ],
)
def test_no_value_leads_off_the_hosts(url: str, value: str, other: str):
    """Whatever comes out passes the check that a link without fields has to pass, and is read the same by others."""
    try:
        said = _url(url, {"a": value, "b": other}, utm={"utm_source": "steeple"})
    except TextUnmade:
        return
    if said:
        check_link(said, hosts=_HOSTS, param="url")
        assert urlsplit(said).hostname == "shop.example"


def test_a_link_to_another_host_is_refused_when_it_is_written():
    """Where the host stands in the text there is no need to wait for anybody."""
    with pytest.raises(Invalid) as refusal:
        _url("https://evil.example/{{ user.p }}")
    assert (refusal.value.code, refusal.value.param) == ("link_refused", "url")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://shop.example", "https://shop.example?utm_source=s&utm_campaign=w%20%26%20x"),
        ("https://shop.example/a?", "https://shop.example/a?utm_source=s&utm_campaign=w%20%26%20x"),
        ("https://shop.example/a?b=1&#top", "https://shop.example/a?b=1&utm_source=s&utm_campaign=w%20%26%20x#top"),
        ("https://shop.example/?utm_source=own", "https://shop.example/?utm_source=own&utm_campaign=w%20%26%20x"),
        ("https://shop.example/?utm%5Fsource=own&utm_campaign=", "https://shop.example/?utm%5Fsource=own&utm_campaign="),
        ("https://shop.example/#?utm_source=no", "https://shop.example/?utm_source=s&utm_campaign=w%20%26%20x#?utm_source=no"),
    ],
)  # fmt: skip
def test_the_campaign_stands_in_each_link_once(url: str, said: str):
    """Own parameters stay and go first, fragments stay at the end, and doing it twice changes nothing."""
    utm = {"utm_source": "s", "utm_campaign": "w & x"}
    said = said.replace(
        "example/?utm_source=s&utm_campaign=w%20%26%20x#?", "example/?utm_source=s&utm_campaign=w%20%26%20x#?"
    )
    assert tagged(url, utm) == said
    assert tagged(said, utm) == said


@given(path=st.text("abc/?&=#%é", max_size=30), value=st.text(max_size=30))
def test_a_campaign_takes_nothing_from_a_link(path: str, value: str):
    """Path, fragment and every parameter of its own are there afterwards, in their order."""
    url = f"https://shop.example/{path}"
    said = tagged(url, {"utm_source": value})
    before, after = urlsplit(url), urlsplit(said)
    assert (before.path, before.fragment) == (after.path, after.fragment)
    assert after.query.startswith(
        before.query.removesuffix("&").rstrip("&") if before.query.strip("&") else "utm_source="
    )
