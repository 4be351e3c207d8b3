"""What every provider promises to delivery, whichever it is. A new file in `gateway/transports` is tested by these."""

import json
from typing import get_args

import pytest

from gateway.model.delivery import Accepted, Device, Outcome, Push
from gateway.model.errors import GatewayError
from gateway.model.message import Action, Content
from gateway.model.subscriber import Platform
from gateway.transports import find, names
from gateway.transports.base import Medium
from gateway.wire.exchange import Answer, FailureKind
from tests.transports.fakes import FakeHttp, made
from tests.transports.samples import SUBJECT, Sample, sample_of

SMALL = Content(
    title={"en": "Shipped", "nl": "Verzonden"}, body="Your parcel is on its way", url="https://shop.example/1"
)
TOKEN = "t" * 55
every_provider = pytest.mark.parametrize("name", names())
every_remote_provider = pytest.mark.parametrize("name", [name for name in names() if find(name).hosts])
"""Those that contact a service; a rehearsal answers itself."""


@pytest.fixture
def sample(name: str) -> Sample:
    """What the provider's own test file offers: adding a provider changes no other file."""
    return sample_of(name)


def push_of(wire: bytes, payload: bytes = b"{}") -> Push:
    return Push(1, 1, wire, payload, 60, "normal", "1.2")


def test_an_unknown_provider_is_said_to_be_unknown():
    """Names come from the store and from requests."""
    with pytest.raises(KeyError):
        find("telex")
    with pytest.raises(KeyError):
        find("base")


@every_provider
def test_a_provider_says_who_it_is(name: str):
    """The file's name is the name in settings, rows and metrics."""
    provider = find(name)

    assert provider.name == name
    assert provider.medium in get_args(Medium)
    assert all(isinstance(host, str) for host in provider.hosts)


@every_provider
def test_an_address_survives_export_and_import(name: str, sample: Sample):
    """What is stored describes itself in the words it came in, and packs to the same bytes again."""
    transport = made(find(name))
    address = transport.address(sample.device)

    described = transport.describe(address.wire)

    assert described == sample.device
    assert transport.address(described) == address
    assert json.loads(json.dumps(described)) == described


@every_provider
def test_what_is_no_device_is_refused_with_its_field(name: str, sample: Sample):
    """Whatever a page sends, the answer names the field, and nothing else happens."""
    transport = made(find(name))

    for raw, param in sample.junk:
        with pytest.raises(GatewayError) as refused:
            transport.address(raw)
        assert (refused.value.param, refused.value.status) == (param, 422), raw
        assert refused.value.message.endswith((".", "!"))
        assert len(refused.value.message) < 300


@every_provider
def test_a_small_message_fits_every_device(name: str, sample: Sample):
    """The payload is valid JSON and within the bound, for every platform and language."""
    transport = made(find(name))
    render = transport.compile(SMALL, message_id=2**61).render
    wire = transport.address(sample.device).wire

    for platform in Platform:
        for locale in (None, "", "nl", "en-GB", "xx"):
            payload = render(Device(2**60, name, 1, wire, platform, locale, None), TOKEN, 60)
            assert isinstance(json.loads(payload), dict)
            assert len(payload) <= transport.payload_bytes_max(platform)
            assert TOKEN.encode() in payload


@every_provider
def test_a_message_is_compiled_once_and_rendered_for_each(name: str, sample: Sample):
    """Two devices get the same text, with ids and a token of their own."""
    transport = made(find(name))
    render = transport.compile(Content(title="x", actions=(Action(id="a", title="b"),)), message_id=5).render
    wire = transport.address(sample.device).wire

    first, second = (render(Device(number, name, 1, wire, 0, None, None), f"{number}" * 55, 60) for number in (1, 2))

    assert first != second
    assert first == render(Device(1, name, 1, wire, 0, None, None), "1" * 55, 60)


@every_remote_provider
async def test_a_push_that_is_taken_is_accepted(name: str, sample: Sample):
    """One request, one answer."""
    http = FakeHttp(Answer(201, {}, b""))
    transport = made(find(name), http)
    wire = transport.address(sample.device).wire

    assert isinstance(await transport.send(push_of(wire), sample.credential), Accepted)
    assert len(http.requests) == 1


@every_remote_provider
@pytest.mark.parametrize("kind", get_args(FailureKind))
async def test_no_failure_of_the_wire_is_an_exception(name: str, kind: FailureKind, sample: Sample):
    """Whatever happens on the way is an outcome, and none of them says that the push was taken."""
    transport = made(find(name), FakeHttp(kind))
    wire = transport.address(sample.device).wire

    outcome = await transport.send(push_of(wire), sample.credential)

    assert isinstance(outcome, get_args(Outcome))
    assert not isinstance(outcome, Accepted)


@every_remote_provider
@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe\x00", b"[" * 4096, b'{"errno": {}}', b'{"errno": "108"}', b"null", b"{", "é".encode() * 2000],
)
async def test_no_answer_is_an_exception(name: str, body: bytes, sample: Sample):
    """Every status there may be, with any body: an outcome."""
    for status in (*range(200, 600, 1), 999):
        headers = {"retry-after": "soon", "x-wns-status": "received", "location": "x"}
        transport = made(find(name), FakeHttp(Answer(status, headers, body)))
        wire = transport.address(sample.device).wire

        outcome = await transport.send(push_of(wire), sample.credential)

        assert isinstance(outcome, get_args(Outcome)), status
        assert isinstance(outcome, Accepted) == (200 <= status < 300)


@every_remote_provider
async def test_a_device_whose_service_is_no_longer_allowed_is_an_outcome(name: str, sample: Sample):
    """An operator who takes a host off the list stops sends to it, with nothing breaking."""
    wire = made(find(name)).address(sample.device).wire
    http = FakeHttp()
    transport = made(find(name), http, hosts=("another.example",))

    assert isinstance(transport.lane_of(wire), str)
    assert not isinstance(await transport.send(push_of(wire), sample.credential), Accepted)
    assert http.requests == []


@every_remote_provider
@pytest.mark.parametrize("kind", [*get_args(FailureKind), *range(200, 600, 7)])
async def test_a_key_is_tried_without_an_exception(name: str, kind: FailureKind | int, sample: Sample):
    """Whatever the service says to a trial of a key, an operator gets a sentence or nothing."""
    answer = Answer(kind, {}, b'{"error": {"status": "X"}, "reason": "X"}') if isinstance(kind, int) else kind
    http = FakeHttp(answer)
    transport = made(find(name), http)

    problem = await transport.check(sample.credential)

    assert problem is None or problem.endswith((".", "?"))
    if http.requests:
        assert (problem is None) == (isinstance(kind, int) and (200 <= kind < 300 or (name, kind) == ("apns", 410)))


@every_provider
def test_a_key_reaches_its_own_devices(name: str, sample: Sample):
    """The sample's credential is the sample's device's."""
    transport = made(find(name))

    transport.check_reach(transport.address(sample.device).wire, sample.credential.public)


@every_provider
def test_a_device_is_of_some_kind(name: str):
    """Where nobody says what it is, its channel does."""
    assert find(name).platform in Platform
    assert isinstance(find(name).page_fields, frozenset)


@every_provider
def test_a_device_has_one_lane(name: str, sample: Sample):
    """What shares a service shares its rate and its health."""
    transport = made(find(name))
    wire = transport.address(sample.device).wire

    assert transport.lane_of(wire) == transport.lane_of(wire) != ""


@every_provider
def test_a_key_that_is_none_is_refused(name: str):
    """An operator pastes the wrong file."""
    for raw in (
        "",
        "x",
        "{}",
        "[",
        "{" * 5000,
        '{"a":' * 5000,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ):
        with pytest.raises(GatewayError) as refused:
            find(name).load(raw, SUBJECT)
        assert refused.value.param is not None


@every_provider
async def test_closing_twice_is_closing(name: str):
    """A process that is stopped while it stops."""
    transport = made(find(name))

    await transport.aclose()
    await transport.aclose()


@every_provider
def test_a_credential_does_not_show_its_secret(name: str, sample: Sample):
    """It ends up in tracebacks."""
    assert repr(sample.credential.secret)[2:20] not in repr(sample.credential)
    assert str(sample.credential.secret)[2:20] not in f"{sample.credential}"
