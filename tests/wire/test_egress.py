"""The operator says where we may connect, and a name server cannot change that."""

import socket
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.limits import EGRESS_ORIGINS_KEPT_MAX, EGRESS_RULES_MAX
from gateway.wire.addresses import kind_of
from gateway.wire.egress import (
    AllowRule,
    EgressPolicy,
    EgressRefused,
    GuardedResolver,
    Override,
    parse_allow,
    parse_resolve,
    ssl_context,
    system_lookup,
)


def answering(*addresses: str):
    """A name server that always says the same."""

    async def lookup(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return lookup


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ("push.example", AllowRule("push.example")),
        (" Push.Example ", AllowRule("push.example")),
        ("push.example:8443", AllowRule("push.example", port=8443)),
        ("*.push.example", AllowRule("push.example", is_suffix=True)),
        ("*.push.example:8443+private", AllowRule("push.example", is_suffix=True, port=8443, is_private_allowed=True)),
        ("ntfy+private", AllowRule("ntfy", is_private_allowed=True)),
        ("müller.example", AllowRule("xn--mller-kva.example")),
        ("xn--mller-kva.example", AllowRule("xn--mller-kva.example")),
    ],
)
def test_an_allowed_host_is_read(entry: str, rule: AllowRule):
    """Each form that the settings document."""
    assert parse_allow(entry) == rule


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*",
        "*.com",
        "*.*.example",
        "a*.example",
        "https://push.example",
        "push.example/x",
        "push.example:",
        "push.example:0",
        "push.example:65536",
        "push.example:x",
        "push.example+public",
        "user@push.example",
        "push.example.",
        "push..example",
        "127.0.0.1",
        "127.0.0.1:8080+private",
        "0x7f.1",
        "[::1]:8080",
        "::1",
        "a b",
        "xn--\x00.example",
    ],
)
def test_an_allowed_host_that_cannot_be_meant_is_named(entry: str):
    """A typing error opens nothing: it is an error that quotes the entry."""
    with pytest.raises(ValueError, match=r"cannot be used|no allowed host|top-level") as caught:
        parse_allow(entry)

    assert repr(entry) in str(caught.value)


def test_a_redirection_for_rehearsal_is_read():
    """IPv4 as it is, IPv6 in brackets."""
    assert parse_resolve("jmt17.google.com:443=127.0.0.1:8443") == Override("jmt17.google.com", 443, "127.0.0.1", 8443)
    assert parse_resolve("push.example:443=[::1]:8443") == Override("push.example", 443, "::1", 8443)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "push.example=127.0.0.1:1",
        "push.example:443=127.0.0.1",
        "push.example:443=localhost:1",
        "push.example:443=127.1:1",
        "push.example:443=0.0.0.0:1",
        "push.example:443=169.254.169.254:80",
        "push.example:443=::1:1",
        "push.example:0=127.0.0.1:1",
        "push.example:443=127.0.0.1:99999",
        "127.0.0.1:443=127.0.0.1:8443",
    ],
)
def test_a_redirection_that_cannot_be_meant_is_named(entry: str):
    """An error that quotes the entry."""
    with pytest.raises(ValueError, match=r"write host:port=|cannot be used|no push service") as caught:
        parse_resolve(entry)

    assert repr(entry) in str(caught.value)


def test_redirections_are_for_rehearsal_only():
    """A production gateway cannot be told to find Apple elsewhere."""
    with pytest.raises(ValueError, match="STEEPLE_SANDBOX=1"):
        EgressPolicy.of(resolve=["web.push.apple.com:443=127.0.0.1:8443"])


def test_a_list_without_end_is_refused():
    """Every new origin is compared with each entry."""
    with pytest.raises(ValueError, match=str(EGRESS_RULES_MAX)):
        EgressPolicy.of(allow=[f"h{number}.example" for number in range(EGRESS_RULES_MAX + 1)])


def refused(policy: EgressPolicy, url: str) -> str:
    with pytest.raises(EgressRefused) as caught:
        policy.check_url(url)
    return caught.value.rule


def test_a_named_port_is_the_only_port():
    """`host:8443` permits neither 443 nor its neighbour."""
    policy = EgressPolicy.of(allow=["push.example:8443"])

    assert policy.check_url("https://push.example:8443/x").origin == "https://push.example:8443"
    assert refused(policy, "https://push.example/x") == "port"
    assert refused(policy, "https://push.example:8444/x") == "port"


def test_a_sandbox_permits_http_only_for_hosts_that_the_operator_named():
    """The push services that come built in stay https, also in rehearsal."""
    policy = EgressPolicy.of(
        defaults=["fcm.googleapis.com"], allow=["localhost:8090"], resolve=["a.example:443=127.0.0.1:1"], sandbox=True
    )

    assert policy.check_url("http://localhost:8090/x").origin == "http://localhost:8090"
    assert policy.check_url("https://a.example/x").port == 443
    assert refused(policy, "http://fcm.googleapis.com/x") == "scheme"
    assert refused(policy, "http://localhost/x") == "port"
    assert refused(policy, "http://127.0.0.1:8090/x") == "ip_literal"


def test_without_a_sandbox_http_is_refused_for_everyone():
    """Also for hosts on the list, also with +private."""
    assert refused(EgressPolicy.of(allow=["localhost:8090+private"]), "http://localhost:8090/x") == "scheme"


def test_what_was_permitted_once_does_not_permit_its_neighbours():
    """The memory of decisions is keyed by the whole origin."""
    policy = EgressPolicy.of(allow=["push.example"])
    policy.check_url("https://push.example/x")

    assert refused(policy, "https://push.example:444/x") == "port"
    assert refused(policy, "https://push.example.evil.example/x") == "not_allowed"
    assert refused(policy, "https://push.exampl/e/x") == "not_allowed"


def test_invented_hosts_do_not_fill_the_memory():
    """Strangers may invent names below a wildcard for ever."""
    policy = EgressPolicy.of(allow=["*.push.example"])

    for number in range(EGRESS_ORIGINS_KEPT_MAX + 10):
        policy.check_url(f"https://h{number}.push.example/x")

    assert len(policy.decided) <= EGRESS_ORIGINS_KEPT_MAX


@given(st.text(max_size=300))
def test_no_text_breaks_the_parser(text: str):
    """Whatever a stranger sends is refused with a rule, never with another error."""
    policy = EgressPolicy.of(allow=["push.example"])

    for url in (text, "https://" + text, "https://push.example" + text, "https://push.example/" + text):
        try:
            target = policy.check_url(url)
        except EgressRefused:
            continue
        assert (target.scheme, target.host, target.port) == ("https", "push.example", 443)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", "public"),
        ("2606:4700::1111", "public"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::127.0.0.1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("10.1.2.3", "private"),
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("64:ff9b::8.8.8.8", "public"),
        ("::ffff:8.8.8.8", "public"),
        ("169.254.169.254", "forbidden"),
        ("::ffff:169.254.169.254", "forbidden"),
        ("fe80::1", "forbidden"),
        ("fe80::1%lo", "forbidden"),
        ("fec0::1", "forbidden"),
        ("0.0.0.0", "forbidden"),  # noqa: S104 - judged, not bound to
        ("0.1.2.3", "forbidden"),
        ("::", "forbidden"),
        ("224.0.0.1", "forbidden"),
        ("ff0e::1", "forbidden"),
        ("240.0.0.1", "forbidden"),
        ("255.255.255.255", "forbidden"),
        ("192.0.2.1", "forbidden"),
        ("198.18.0.1", "forbidden"),
        ("64:ff9b:1::1", "forbidden"),
        ("2001:db8::1", "forbidden"),
        ("2001:0:1::1", "forbidden"),
        ("::127.0.0.1", "forbidden"),
        ("no address", "forbidden"),
        ("", "forbidden"),
    ],
)
def test_an_address_is_known_for_what_it_is(address: str, kind: str):
    """Loopback, LANs, cloud metadata and everything that hides one of them."""
    assert kind_of(address) == kind


@pytest.mark.parametrize(
    ("entry", "address", "is_permitted"),
    [
        ("push.example", "8.8.8.8", True),
        ("push.example", "10.0.0.1", False),
        ("push.example", "127.0.0.1", False),
        ("push.example", "169.254.169.254", False),
        ("push.example+private", "10.0.0.1", True),
        ("push.example+private", "fd00::1", True),
        ("push.example+private", "127.0.0.1", False),
        ("push.example+private", "169.254.169.254", False),
    ],
)
async def test_a_name_may_lead_only_where_its_rule_says(entry: str, address: str, *, is_permitted: bool):
    """+private opens a LAN, never loopback and never the cloud's metadata address."""
    counted: list[str] = []
    policy = EgressPolicy.of(allow=[entry], on_refused=counted.append)
    resolver = GuardedResolver(policy, lookup=answering(address))

    if is_permitted:
        assert [item["host"] for item in await resolver.resolve("push.example", 443)] == [address]
    else:
        with pytest.raises(EgressRefused) as caught:
            await resolver.resolve("push.example", 443)
        assert caught.value.rule == "address"
        assert counted == ["address"]


async def test_one_bad_address_among_good_ones_is_enough():
    """The attacker who controls a name would else be served by luck."""
    resolver = GuardedResolver(EgressPolicy.of(allow=["push.example"]), lookup=answering("8.8.8.8", "127.0.0.1"))

    with pytest.raises(EgressRefused, match="not public"):
        await resolver.resolve("push.example", 443)


async def test_a_sandbox_reaches_loopback_only_for_hosts_that_the_operator_named():
    """A built-in push service whose name leads to loopback is still refused."""
    policy = EgressPolicy.of(defaults=["fcm.googleapis.com"], allow=["localhost"], sandbox=True)
    resolver = GuardedResolver(policy, lookup=answering("127.0.0.1"))

    assert (await resolver.resolve("localhost", 443))[0]["host"] == "127.0.0.1"
    with pytest.raises(EgressRefused):
        await resolver.resolve("fcm.googleapis.com", 443)


async def test_a_name_that_is_not_allowed_is_not_even_looked_up(contacts):
    """Look-ups leak names, and some name servers are the attacker's."""
    resolver = GuardedResolver(EgressPolicy.of(allow=["push.example"]))

    with contacts() as seen, pytest.raises(EgressRefused):
        await resolver.resolve("evil.example", 443)

    assert seen == []


async def test_a_redirected_host_is_found_where_the_rehearsal_wants_it():
    """Host and port decide; the same host on another port is not redirected."""
    policy = EgressPolicy.of(allow=["push.example:444"], resolve=["push.example:443=127.0.0.1:8443"], sandbox=True)
    resolver = GuardedResolver(policy, lookup=answering("8.8.8.8"))

    here, there = (await resolver.resolve("push.example", 443))[0], (await resolver.resolve("push.example", 444))[0]

    assert (here["host"], here["port"], here["hostname"]) == ("127.0.0.1", 8443, "push.example")
    assert (there["host"], there["port"]) == ("8.8.8.8", 444)


async def test_a_name_without_a_fitting_address_is_an_ordinary_failure():
    """Nobody forbade it: it is retried like any DNS failure."""
    resolver = GuardedResolver(EgressPolicy.of(allow=["push.example"]), lookup=answering("8.8.8.8"))

    with pytest.raises(OSError, match="no address"):
        await resolver.resolve("push.example", 443, socket.AF_INET6)


async def test_the_system_finds_loopback():
    """The look-up that production uses works where there is no network at all."""
    assert "127.0.0.1" in await system_lookup("localhost", 443)


def test_a_ca_file_that_is_none_is_an_error_at_the_start(tmp_path: Path):
    """Not at the first push."""
    path = tmp_path / "ca.pem"
    path.write_text("nothing")

    with pytest.raises(ssl.SSLError):
        ssl_context(EgressPolicy.of(ca_file=path))


def test_tls_is_verified_and_not_old():
    """1.2 at least, a certificate that is checked, for the host that was meant."""
    context = ssl_context(EgressPolicy.of())

    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
