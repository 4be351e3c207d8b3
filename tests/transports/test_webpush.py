"""A push on its way: what the push service sees of it, what the browser reads, and keys from other tools."""

import asyncio
import base64
import json
from typing import Any

import http_ece
import msgspec
import py_vapid
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.model.delivery import Accepted, Push, Rejected, Retry
from gateway.model.errors import GatewayError
from gateway.transports.base import Credential, Transport
from gateway.transports.webpush import Provider, topic_of
from gateway.wire import ece
from gateway.wire.base64url import encode_base64url
from gateway.wire.vapid import verify_authorization
from tests.transports.fakes import NOW_S, FakeHttp, made
from tests.transports.samples import SUBJECT, minted

ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/gAAAA-token_1"
ORIGIN = "https://updates.push.services.mozilla.com"
PAYLOAD = '{"title":"Vérzonden 📦"}'.encode()
AUTH = bytes(range(16))


@pytest.fixture(scope="module")
def browser_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def credential() -> Credential:
    return minted("webpush")


def device_of(key: ec.EllipticCurvePrivateKey, endpoint: str = ENDPOINT) -> dict[str, Any]:
    """The browser's PushSubscription."""
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return {"endpoint": endpoint, "keys": {"p256dh": encode_base64url(point), "auth": encode_base64url(AUTH)}}


def push_to(transport: Transport, device: dict[str, Any], **changed: Any) -> Push:
    push = Push(1, 1, transport.address(device).wire, PAYLOAD, 3600, "normal", "order-7")
    return msgspec.structs.replace(push, **changed)


async def sent(
    browser_key: ec.EllipticCurvePrivateKey, credential: Credential, *, endpoint: str = ENDPOINT, **changed: Any
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one push, as the push service gets them."""
    http = FakeHttp()
    transport = made(Provider, http)
    assert (
        await transport.send(push_to(transport, device_of(browser_key, endpoint), **changed), credential) == Accepted()
    )
    ((target, headers, body),) = http.requests
    assert target.url == endpoint
    return headers, body


async def test_the_push_service_sees_what_rfc_8030_asks_for(
    browser_key: ec.EllipticCurvePrivateKey, credential: Credential
):
    """How long it lives, how urgent it is, what it replaces; and nothing of what it says."""
    headers, body = await sent(browser_key, credential)

    authorization = headers.pop("authorization")
    assert headers == {
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "ttl": "3600",
        "urgency": "normal",
        "topic": topic_of("order-7"),
    }
    claims = verify_authorization(authorization, audience=ORIGIN, now_s=NOW_S)
    assert (claims.sub, claims.aud) == (SUBJECT, ORIGIN)
    assert encode_base64url(claims.public) == credential.public["vapid_public_key"]
    assert b"title" not in body
    assert len(body) <= 4096


async def test_the_browser_reads_what_was_sent(browser_key: ec.EllipticCurvePrivateKey, credential: Credential):
    """By our own decryption, and by that of the library that browsers' authors test with."""
    _, body = await sent(browser_key, credential)

    assert ece.decrypt(body, private_key=browser_key, auth=AUTH) == PAYLOAD
    assert http_ece.decrypt(body, private_key=browser_key, auth_secret=AUTH, version="aes128gcm") == PAYLOAD


async def test_no_two_pushes_look_alike(browser_key: ec.EllipticCurvePrivateKey, credential: Credential):
    """Fresh keys and a fresh salt each time."""
    (_, first), (_, second) = [await sent(browser_key, credential) for _ in range(2)]

    assert first != second


@pytest.mark.parametrize("urgency", ["very-low", "low", "normal", "high"])
@pytest.mark.parametrize("ttl_s", [0, 1, 2_419_200])
async def test_urgency_and_life(
    browser_key: ec.EllipticCurvePrivateKey, credential: Credential, urgency: str, ttl_s: int
):
    """As the shop asked, 0 among it: now or never."""
    headers, _ = await sent(browser_key, credential, urgency=urgency, ttl_s=ttl_s)

    assert (headers["urgency"], headers["ttl"]) == (urgency, str(ttl_s))
    assert "x-wns-cache-policy" not in headers


async def test_without_a_collapse_key_there_is_no_topic(
    browser_key: ec.EllipticCurvePrivateKey, credential: Credential
):
    """Nothing is replaced that nobody wants replaced."""
    headers, _ = await sent(browser_key, credential, topic=None)

    assert "topic" not in headers


@pytest.mark.parametrize(("ttl_s", "policy"), [(0, "no-cache"), (60, "cache")])
async def test_windows_is_told_whether_to_keep_it(
    browser_key: ec.EllipticCurvePrivateKey, credential: Credential, ttl_s: int, policy: str
):
    """Without the header a push to a sleeping PC is dropped; the query of the endpoint is part of it."""
    endpoint = "https://wns2-par02p.notify.windows.com/w/?token=BQYAAA%3d%3d&x=%2F"

    headers, _ = await sent(browser_key, credential, endpoint=endpoint, ttl_s=ttl_s)

    assert headers["x-wns-cache-policy"] == policy


def claims_of(authorization: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Header and claims of the token, and the key."""
    parameters = dict(part.strip().split("=", 1) for part in authorization.removeprefix("vapid ").split(","))
    head, claims, _ = (base64.urlsafe_b64decode(part + "==") for part in (*parameters["t"].split(".")[:2], ""))
    return json.loads(head), json.loads(claims), parameters["k"]


async def test_one_signature_serves_many_pushes(browser_key: ec.EllipticCurvePrivateKey, credential: Credential):
    """Signing for each push costs as much as encrypting, and looks like abuse; each origin has its own."""
    http = FakeHttp()
    transport = made(Provider, http)
    for endpoint in (ENDPOINT, ENDPOINT, "https://fcm.googleapis.com/fcm/send/x"):
        await transport.send(push_to(transport, device_of(browser_key, endpoint)), credential)

    first, second, other = [headers["authorization"] for _, headers, _ in http.requests]

    assert first == second != other


async def test_a_changed_key_signs_from_then_on(browser_key: ec.EllipticCurvePrivateKey, credential: Credential):
    """The same place in the app, another key: no signature of the old one is used any more."""
    http = FakeHttp()
    transport = made(Provider, http)
    same = msgspec.structs.replace(credential, is_current=False)
    changed = minted("webpush")
    for one in (credential, same, changed):
        await transport.send(push_to(transport, device_of(browser_key)), one)

    keys = [claims_of(headers["authorization"])[2] for _, headers, _ in http.requests]

    assert keys == [one.public["vapid_public_key"] for one in (credential, credential, changed)]
    assert http.requests[0][1]["authorization"] == http.requests[1][1]["authorization"]


async def test_damaged_keys_of_a_device_concern_that_device(
    browser_key: ec.EllipticCurvePrivateKey, credential: Credential
):
    """A row that was damaged is one failure, not a stop; its neighbours of the same moment are sent."""
    http = FakeHttp()
    transport = made(Provider, http)
    good = push_to(transport, device_of(browser_key))
    wire = bytearray(good.wire)
    wire[1:66] = b"\x04" + b"\x01" * 64
    bad = msgspec.structs.replace(good, wire=bytes(wire))
    large = msgspec.structs.replace(good, payload=b"x" * 3994)

    outcomes = await asyncio.gather(*(transport.send(push, credential) for push in (good, bad, large, good)))

    assert outcomes == [
        Accepted(),
        Rejected("key_material", is_unsent=True),
        Rejected("key_material", is_unsent=True),
        Accepted(),
    ]
    assert len(http.requests) == 2


async def test_a_send_that_is_given_up_hurts_nobody(browser_key: ec.EllipticCurvePrivateKey, credential: Credential):
    """A process that stops cancels some of its sends; the others go on."""
    http = FakeHttp()
    transport = made(Provider, http)
    push = push_to(transport, device_of(browser_key))
    tasks = [asyncio.create_task(transport.send(push, credential)) for _ in range(30)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()

    found = await asyncio.gather(*tasks, return_exceptions=True)

    assert [one for one in found[1::2] if one != Accepted()] == []


@pytest.mark.parametrize(
    ("kind", "scope", "unknown"),
    [
        ("unresolved", "lane", False),
        ("unreachable", "lane", False),
        ("timeout", "push", True),
        ("broken", "push", True),
    ],
)
async def test_whether_it_may_have_arrived_is_known(
    browser_key: ec.EllipticCurvePrivateKey, credential: Credential, kind: Any, scope: Any, *, unknown: bool
):
    """A cut connection may mean a second copy; a name that is not found concerns everybody there."""
    transport = made(Provider, FakeHttp(kind))

    assert await transport.send(push_to(transport, device_of(browser_key)), credential) == Retry(
        kind, scope=scope, unknown=unknown
    )


def scalar_of(key: ec.EllipticCurvePrivateKey) -> str:
    return encode_base64url(key.private_numbers().private_value.to_bytes(32, "big"))


def pem_of(key: ec.EllipticCurvePrivateKey, form: serialization.PrivateFormat) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.mark.parametrize("form", ["scalar", "padded", "web-push", "pkcs8", "sec1", "pywebpush"])
def test_keys_of_other_tools_are_taken(browser_key: ec.EllipticCurvePrivateKey, form: str):
    """Whoever moves here brings the key along: every subscriber depends on it."""
    key = browser_key
    public = device_of(key)["keys"]["p256dh"]
    match form:
        case "scalar":
            raw = scalar_of(key)
        case "padded":
            raw = f"  {scalar_of(key)}=\n"
        case "web-push":
            raw = json.dumps({"publicKey": public, "privateKey": scalar_of(key)})
        case "pkcs8":
            raw = pem_of(key, serialization.PrivateFormat.PKCS8)
        case "sec1":
            raw = pem_of(key, serialization.PrivateFormat.TraditionalOpenSSL)
        case _:
            raw = py_vapid.Vapid02(key).private_pem().decode()

    found = Provider.load(raw, SUBJECT)

    assert found.public == {"vapid_public_key": public, "subject": SUBJECT}
    assert Provider.load(found.secret.decode(), SUBJECT) == found


@pytest.mark.parametrize(
    ("raw", "subject", "code", "param"),
    [
        ("AAAA", SUBJECT, "key_material_invalid", "private_key"),
        (encode_base64url(b"\x00" * 32), SUBJECT, "key_material_invalid", "private_key"),
        (encode_base64url(b"\xff" * 32), SUBJECT, "key_material_invalid", "private_key"),
        ('{"publicKey": "x"}', SUBJECT, "key_material_invalid", "private_key"),
        ('{"privateKey": 7}', SUBJECT, "key_material_invalid", "private_key"),
        (scalar_of(ec.generate_private_key(ec.SECP256R1())), "mailto:me@localhost", "subject_invalid", "subject"),
        (scalar_of(ec.generate_private_key(ec.SECP256R1())), "the shop", "subject_invalid", "subject"),
    ],
    ids=["too short", "zero", "beyond the order", "no private key", "a number", "localhost", "no address"],
)
def test_a_key_or_contact_that_no_service_takes_is_refused(raw: str, subject: str, code: str, param: str):
    """At once, and not by 403 for each subscriber; the key itself is not quoted."""
    with pytest.raises(GatewayError) as refused:
        Provider.load(raw, subject)

    assert (refused.value.code, refused.value.param) == (code, param)
    assert raw not in refused.value.message


def test_a_key_of_another_curve_is_refused():
    """Push services take P-256 only."""
    with pytest.raises(GatewayError) as refused:
        Provider.load(pem_of(ec.generate_private_key(ec.SECP384R1()), serialization.PrivateFormat.PKCS8), SUBJECT)

    assert refused.value.code == "key_material_invalid"


def test_a_lane_is_the_origin_of_the_push_service(browser_key: ec.EllipticCurvePrivateKey):
    """Rates and outages are an origin's; the way within it is one device's."""
    transport = made(Provider)

    def lane(endpoint: str) -> str:
        return transport.lane_of(transport.address(device_of(browser_key, endpoint)).wire)

    assert lane(ENDPOINT) == lane(ENDPOINT + "x") == ORIGIN
    assert lane("https://FCM.googleapis.com:443/fcm/send/x") == "https://fcm.googleapis.com"
