"""pyfcm and google-auth, written by others from Google's pages, make the same bytes of the same message and account."""

import json
from typing import Any, ClassVar
from urllib.parse import parse_qs

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.oauth2 import service_account
from pyfcm import FCMNotification

from gateway.model.delivery import Device, Push
from gateway.model.message import Action, Content
from gateway.transports.fcm import Provider
from gateway.wire.egress import EgressPolicy
from tests.transports.fakes import NOW_S, FakeHttp, OwnTokens, made, wire_on
from tests.transports.google_material import DEVICE_TOKEN, PROJECT, account, credential, granted, private_key_pem, taken

RECEIPT = "R" * 55
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
OURS = json.dumps({"m": "msg_2000000000000", "s": "sub_0000000000005", "t": RECEIPT}, separators=(",", ":"))


class Ready:
    """An account of google-auth's that has its access token."""

    token = "ya29.first"
    project_id = PROJECT

    def refresh(self, _request: Any) -> None:
        """It is there already."""


def pyfcm() -> FCMNotification:
    ready: Any = Ready()
    return FCMNotification(credentials=ready)


def push(content: Content) -> Push:
    compiled = made(Provider).compile(content, message_id=2**61)
    wire = b"\x01" + DEVICE_TOKEN.encode()
    shown = compiled.render(Device(5, "fcm", 1, wire, 0, None, None), RECEIPT, 600)
    return Push(1, 1, wire, shown, 600, content.urgency, None, compiled.options)


async def sent(content: Content) -> tuple[FakeHttp, bytes]:
    """The requests of one push with a fresh account, and the last one's body."""
    http: Any = FakeHttp(granted(), taken())
    wire = wire_on(http, EgressPolicy.of(defaults=Provider.hosts), lambda: NOW_S, tokens=OwnTokens(lambda: NOW_S))
    await Provider(wire).send(push(content), credential())
    return http, http.requests[-1][2]


def headers_for_all(urgency: str = "normal", **more: str) -> tuple[dict[str, str], dict[str, str]]:
    """Apple's and the browsers', for a message with 600 s to live."""
    apple = {"apns-collapse-id": "msg_2000000000000", "apns-expiration": str(int(NOW_S) + 600), **more}
    return apple, {"TTL": "600", "Urgency": urgency}


NOTIFICATION = Content(
    title='Shipped "at last" %s \\',
    body="Onderweg 🎁 é\n",
    image="https://shop.example/a.png",
    url="https://shop.example/1?a=b&c=%20",
    data={"order": "17", "lines": [1, {"b": "ü", "a": None}]},
    badge_count=2,
    urgency="high",
    extra={
        "fcm": {
            "android": {"notification": {"channel_id": "orders", "color": "#aabbcc"}, "direct_boot_ok": True},
            "apns": {"payload": {"aps": {"sound": "default"}}},
            "fcm_options": {"analytics_label": "sale"},
        }
    },
)
SILENT = Content(title="x", body="y", silent=True, collapse_key="k", actions=(Action(id="a", title="b"),))


def notification_by_pyfcm(client: FCMNotification) -> bytes:
    apple, web = headers_for_all("high")
    return client.parse_payload(
        fcm_token=DEVICE_TOKEN,
        notification_title='Shipped "at last" %s \\',
        notification_body="Onderweg 🎁 é\n",
        notification_image="https://shop.example/a.png",
        data_payload={
            "order": "17",
            "lines": '[1,{"a":null,"b":"ü"}]',
            "url": "https://shop.example/1?a=b&c=%20",
            "steeple": OURS,
        },
        android_config={
            "ttl": "600s",
            "priority": "HIGH",
            "direct_boot_ok": True,
            "notification": {
                "tag": "msg_2000000000000",
                "notification_count": 2,
                "channel_id": "orders",
                "color": "#aabbcc",
            },
        },
        apns_config={"headers": apple, "payload": {"aps": {"badge": 2, "sound": "default"}}},
        webpush_config={
            "headers": web,
            "notification": {"tag": "msg_2000000000000"},
            "fcm_options": {"link": "https://shop.example/1?a=b&c=%20"},
        },
        fcm_options={"analytics_label": "sale"},
    )


def silent_by_pyfcm(client: FCMNotification) -> bytes:
    apple, web = headers_for_all(**{"apns-push-type": "background", "apns-priority": "5", "apns-collapse-id": "k"})
    return client.parse_payload(
        fcm_token=DEVICE_TOKEN,
        data_payload={"title": "x", "body": "y", "actions": '[{"id":"a","title":"b"}]', "steeple": OURS},
        android_config={"ttl": "600s", "priority": "NORMAL", "collapse_key": "k"},
        apns_config={"headers": apple, "payload": {"aps": {"content-available": 1}}},
        webpush_config={"headers": web},
    )


@pytest.mark.parametrize(
    ("content", "by_pyfcm"), [(NOTIFICATION, notification_by_pyfcm), (SILENT, silent_by_pyfcm)], ids=["shown", "silent"]
)
async def test_the_same_message_is_the_same_bytes(content: Content, by_pyfcm: Any):
    """Byte for byte, but for `validate_only`, whose default pyfcm spells out."""
    _, body = await sent(content)

    assert body == by_pyfcm(pyfcm()).replace(b',"validate_only":false', b"")


async def test_the_same_address_and_headers():
    """Where it goes, and what admits it."""
    http, _ = await sent(NOTIFICATION)
    client = pyfcm()
    target, headers, _ = http.requests[-1]

    assert target.url == client.fcm_end_point
    assert headers == {name.lower(): value for name, value in client.request_headers().items()}


async def test_the_same_request_for_an_access_token():
    """google-auth signs the same claims with the same key, and asks at the same place in the same form."""
    asked: dict[str, Any] = {}

    class Response:
        status = 200
        headers: ClassVar[dict[str, str]] = {}
        data = granted().body

    def request(**given: Any) -> Response:
        asked.update(given)
        return Response()

    with time_machine.travel(NOW_S, tick=False):
        theirs = service_account.Credentials.from_service_account_info(account(), scopes=[SCOPE])
        theirs.refresh(request)
    http, _ = await sent(NOTIFICATION)
    target, headers, body = http.requests[0]

    assert (target.url, headers["content-type"]) == (asked["url"], asked["headers"]["Content-Type"])
    ours, form = parse_qs(body.decode()), parse_qs(asked["body"].decode())
    assert ours.keys() == form.keys()
    assert ours["grant_type"] == form["grant_type"]
    assert read(ours["assertion"][0]) == read(form["assertion"][0])


def read(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, once the signature is right."""
    key = load_pem_private_key(private_key_pem().encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    options: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False}
    claims = jwt.decode(assertion, key.public_key(), algorithms=["RS256"], options=options)
    return jwt.get_unverified_header(assertion), claims
