"""Addresses by which others were led into private networks. Each is refused, and no socket is made for it."""

from collections.abc import AsyncIterator

import pytest

from gateway.wire.egress import EgressPolicy, EgressRefused, Target
from gateway.wire.exchange import Fields, WireFailure
from gateway.wire.pool import HttpClient

HOSTS = [
    "fcm.googleapis.com",
    "android.googleapis.com",
    "updates.push.services.mozilla.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
]

REFUSED = [
    # no address at all
    ("", "scheme"),
    ("/", "scheme"),
    ("fcm.googleapis.com", "scheme"),
    ("//fcm.googleapis.com/x", "scheme"),
    ("https:", "scheme"),
    ("https:/fcm.googleapis.com/x", "scheme"),
    ("https:fcm.googleapis.com/x", "scheme"),
    ("https://", "host"),
    ("https:///x", "host"),
    ("https://:443/x", "host"),
    ("https://?fcm.googleapis.com", "scheme"),
    ("https://fcm.googleapis.com?x=1", "scheme"),
    # another scheme
    ("http://fcm.googleapis.com/x", "scheme"),
    ("http://fcm.googleapis.com:443/x", "scheme"),
    ("ftp://fcm.googleapis.com/x", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("data:text/plain,x", "scheme"),
    ("gopher://fcm.googleapis.com/x", "scheme"),
    ("blob:https://fcm.googleapis.com/x", "scheme"),
    (" https://fcm.googleapis.com/x", "characters"),
    # a user name
    ("https://fcm.googleapis.com@evil.example/x", "userinfo"),
    ("https://fcm.googleapis.com:443@127.0.0.1/x", "userinfo"),
    ("https://user:secret@fcm.googleapis.com/x", "userinfo"),
    ("https://@fcm.googleapis.com/x", "userinfo"),
    ("https://evil.example@fcm.googleapis.com@127.0.0.1/x", "userinfo"),
    ("https://fcm.googleapis.com%40evil.example/x", "host"),
    # separators that parsers disagree about
    ("https://fcm.googleapis.com\\@evil.example/x", "characters"),
    ("https://evil.example\\.push.apple.com/x", "characters"),
    ("https:\\\\fcm.googleapis.com\\x", "characters"),
    ("https://evil.example#.push.apple.com/x", "fragment"),
    ("https://evil.example#@fcm.googleapis.com/x", "fragment"),
    ("https://fcm.googleapis.com/x#y", "fragment"),
    ("https://evil.example;fcm.googleapis.com/x", "host"),
    ("https://evil.example,fcm.googleapis.com/x", "host"),
    ("https://evil.example&fcm.googleapis.com/x", "host"),
    # blanks and control characters
    ("https://fcm.googleapis.com\t/x", "characters"),
    ("https://fcm.google\tapis.com/x", "characters"),
    ("https://fcm.googleapis.com\n/x", "characters"),
    ("https://fcm.googleapis.com/x\r\nHost: evil.example", "characters"),
    ("https://fcm.googleapis.com/x y", "characters"),
    ("https://fcm.googleapis.com/\x00", "characters"),
    ("https://fcm.googleapis.com/\x7f", "characters"),
    ("https://evil.example\x00.push.apple.com/x", "characters"),
    # characters that some parser turns into others
    ("https://fcm\u3002googleapis\u3002com/x", "characters"),  # ideographic full stops
    ("https://fcm\uff0egoogleapis\uff0ecom/x", "characters"),  # full-width full stops
    ("https://fcm\uff61googleapis\uff61com/x", "characters"),  # half-width ideographic full stops
    ("https://\uff11\uff12\uff17.0.0.1/x", "characters"),  # full-width digits
    ("https://\u2460\u2461\u2466.0.0.1/x", "characters"),  # circled digits
    ("https://fcm.googleapis.com\uff0fx", "characters"),  # a full-width slash
    ("https://fcm.googleap\u0131s.com/x", "characters"),
    ("https://web.push.\u0430pple.com/x", "characters"),  # a Cyrillic a
    ("https://fcm.googleapis.com/\u202e", "characters"),
    ("https://fcm\u00ad.googleapis.com/x", "characters"),
    ("https://%66cm.googleapis.com/x", "host"),
    ("https://fcm%2egoogleapis.com/x", "host"),
    ("https://127%2e0%2e0%2e1/x", "host"),
    # dots and hyphens
    ("https://fcm.googleapis.com./x", "host"),
    ("https://fcm.googleapis.com../x", "host"),
    ("https://.fcm.googleapis.com/x", "host"),
    ("https://fcm..googleapis.com/x", "host"),
    ("https://./x", "host"),
    ("https://.push.apple.com/x", "host"),
    ("https://-a.push.apple.com/x", "host"),
    ("https://a_b.push.apple.com/x", "host"),
    ("https://*.push.apple.com/x", "host"),
    ("https://xn--.push.apple.com/x", "host"),
    ("https://xn--a-ecp.push.apple.com/x", "host"),
    (f"https://{'a' * 64}.push.apple.com/x", "host"),
    (f"https://{'a.' * 130}push.apple.com/x", "host"),
    # IP addresses in each spelling
    ("https://127.0.0.1/x", "ip_literal"),
    ("https://127.0.0.1:443/x.google.com/", "ip_literal"),
    ("https://127.0.0.1./x", "ip_literal"),
    ("https://2130706433/x", "ip_literal"),
    ("https://0x7f000001/x", "ip_literal"),
    ("https://0X7F000001/x", "ip_literal"),
    ("https://0x7f.0.0.1/x", "ip_literal"),
    ("https://127.0.0.0x1/x", "ip_literal"),
    ("https://017700000001/x", "ip_literal"),
    ("https://0177.0.0.01/x", "ip_literal"),
    ("https://127.1/x", "ip_literal"),
    ("https://127.0.1/x", "ip_literal"),
    ("https://0/x", "ip_literal"),
    ("https://0.0.0.0/x", "ip_literal"),
    ("https://0x/x", "ip_literal"),
    ("https://169.254.169.254/latest/meta-data/", "ip_literal"),
    ("https://10.0.0.1/x", "ip_literal"),
    ("https://8.8.8.8/x", "ip_literal"),
    ("https://999.999.999.999/x", "ip_literal"),
    ("https://[::1]/x", "ip_literal"),
    ("https://[::]/x", "ip_literal"),
    ("https://[::ffff:127.0.0.1]/x", "ip_literal"),
    ("https://[::ffff:7f00:1]/x", "ip_literal"),
    ("https://[64:ff9b::7f00:1]/x", "ip_literal"),
    ("https://[fe80::1%25eth0]/x", "ip_literal"),
    ("https://[fcm.googleapis.com]/x", "ip_literal"),
    ("https://::1/x", "port"),
    # an allowed name in the wrong place
    ("https://evil.example/fcm.googleapis.com", "not_allowed"),
    ("https://evil.example/?host=fcm.googleapis.com", "not_allowed"),
    ("https://evil.example/https://fcm.googleapis.com/x", "not_allowed"),
    ("https://localhost/x.google.com/", "not_allowed"),
    ("https://evilpush.apple.com/x", "not_allowed"),
    ("https://push.apple.com/x", "not_allowed"),
    ("https://push.apple.com.evil.example/x", "not_allowed"),
    ("https://web.push.apple.com.evil.example/x", "not_allowed"),
    ("https://xfcm.googleapis.com/x", "not_allowed"),
    ("https://x.fcm.googleapis.com/x", "not_allowed"),
    ("https://googleapis.com/x", "not_allowed"),
    ("https://storage.googleapis.com/x", "not_allowed"),
    ("https://fcm.googleapis.com.nip.io/x", "not_allowed"),
    ("https://127.0.0.1.nip.io/x", "not_allowed"),
    ("https://notify.windows.com/x", "not_allowed"),
    ("https://localhost/x", "not_allowed"),
    ("https://localhost.localdomain/x", "not_allowed"),
    ("https://metadata.google.internal/x", "not_allowed"),
    ("https://com/x", "not_allowed"),
    # another port
    ("https://fcm.googleapis.com:22/x", "port"),
    ("https://fcm.googleapis.com:80/x", "port"),
    ("https://fcm.googleapis.com:8443/x", "port"),
    ("https://fcm.googleapis.com:0/x", "port"),
    ("https://fcm.googleapis.com:65536/x", "port"),
    ("https://fcm.googleapis.com:00443/x", "port"),
    ("https://fcm.googleapis.com:/x", "port"),
    ("https://fcm.googleapis.com:443:80/x", "port"),
    ("https://fcm.googleapis.com:+443/x", "port"),
    ("https://fcm.googleapis.com:-1/x", "port"),
    ("https://fcm.googleapis.com:443443443/x", "port"),
    # too long
    ("https://fcm.googleapis.com/" + "x" * (2049 - 27), "length"),
    ("https://fcm.googleapis.com/" + "x" * 1_000_000, "length"),
]


@pytest.fixture(scope="module")
def policy() -> EgressPolicy:
    return EgressPolicy.of(defaults=HOSTS)


@pytest.fixture(scope="module")
async def client(policy: EgressPolicy) -> AsyncIterator[HttpClient]:
    async with HttpClient(policy, connections_max=1) as client:
        yield client


@pytest.mark.parametrize(("url", "rule"), REFUSED, ids=lambda value: repr(str(value)[:60]))
async def test_a_hostile_address_is_refused_and_nothing_is_contacted(client: HttpClient, contacts, url, rule):
    """At save time by the check; at send time by the client, even for a target that skipped the check."""
    counted: list[str] = []
    counting = EgressPolicy.of(defaults=HOSTS, on_refused=counted.append)
    forged = Target(url, "https", "fcm.googleapis.com", 443, "https://fcm.googleapis.com", "/x")

    with contacts() as seen:
        with pytest.raises(EgressRefused) as refused:
            counting.check_url(url)
        with pytest.raises(WireFailure) as failed:
            await client.post(forged, Fields(()), (), b"")

    assert refused.value.rule == rule
    assert counted == [rule]
    assert failed.value.kind == "refused"
    assert failed.value.is_unsent
    assert seen == []


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://fcm.googleapis.com/fcm/send/abc:def-_", "https://fcm.googleapis.com", "/fcm/send/abc:def-_"),
        ("https://FCM.GoogleAPIs.com/X", "https://fcm.googleapis.com", "/X"),
        ("HTTPS://fcm.googleapis.com/x", "https://fcm.googleapis.com", "/x"),
        ("https://fcm.googleapis.com:443/x", "https://fcm.googleapis.com", "/x"),
        ("https://fcm.googleapis.com", "https://fcm.googleapis.com", "/"),
        ("https://web.push.apple.com/Q%2Fx/../%2e//a?b=c%20d&e@f:g", "https://web.push.apple.com", None),
        ("https://wns2-am3p.notify.windows.com/w/?token=BQ%2b%3d", "https://wns2-am3p.notify.windows.com", None),
        ("https://updates.push.services.mozilla.com/wpush/v2/x", "https://updates.push.services.mozilla.com", None),
        ("https://a.b.push.apple.com/x", "https://a.b.push.apple.com", None),
        ("https://fcm.googleapis.com/" + "x" * (2048 - 27), "https://fcm.googleapis.com", None),
    ],
    ids=lambda value: repr(str(value)[:60]),
)
def test_an_address_of_a_push_service_is_taken_as_it_is(policy: EgressPolicy, url, origin, path):
    """Host in lower case, path and query untouched: an endpoint is opaque."""
    target = policy.check_url(url)

    assert target.origin == origin
    assert target.url == url
    assert url.endswith(target.path_and_query if path is None else "")
    assert path is None or target.path_and_query == path
