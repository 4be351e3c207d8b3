"""aioapns, the library that most Python shops use, says the same to Apple as we do: headers, payload, token."""

import asyncio
import base64
import json
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from aioapns.common import NotificationRequest, PushType
from aioapns.connection import APNsBaseClientProtocol, JWTAuthorizationHeaderProvider

from gateway.model.delivery import Accepted, Device, Push
from gateway.model.message import Content
from tests.transports.apple_material import BUNDLE, DEVICE, TOKEN, credential_of, p8
from tests.transports.apple_world import Apple
from tests.transports.fakes import NOW_S

MESSAGE = 2**61 + 5


class _Service(asyncio.Transport):
    """Takes what aioapns writes, as a server would, and answers 200."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.connection.initiate_connection()
        self.headers: dict[str, str] = {}
        self.body = b""
        self.client: APNsBaseClientProtocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        for event in self.connection.receive_data(bytes(data)):
            match event:
                case h2.events.RequestReceived(headers=headers):
                    self.headers = {_text(name): _text(value) for name, value in headers}
                case h2.events.DataReceived(data=part, stream_id=stream_id):
                    self.body += part
                    asyncio.get_running_loop().call_soon(self._answer, stream_id)
                case _:
                    pass

    def _answer(self, stream_id: int) -> None:
        assert self.client is not None
        headers = [(":status", "200"), ("apns-id", self.headers["apns-id"])]
        self.connection.send_headers(stream_id, headers, end_stream=True)
        self.client.data_received(self.connection.data_to_send())


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


class _Client(APNsBaseClientProtocol):
    def close(self) -> None:
        if self.inactivity_timer is not None:
            self.inactivity_timer.cancel()


async def theirs(request: NotificationRequest, form: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body that aioapns sends."""
    service = _Service()
    signer = JWTAuthorizationHeaderProvider(form["p8"], form["key_id"], form["team_id"])
    service.client = client = _Client(BUNDLE, asyncio.get_running_loop(), auth_provider=signer)
    client.connection_made(service)
    result = await asyncio.wait_for(client.send_notification(request), 5)
    client.close()
    assert result.is_successful
    return service.headers, service.body


async def ours(content: Content, form: dict[str, Any]) -> tuple[dict[str, str], bytes, str]:
    """Headers, body and path that we send."""
    apple = Apple()
    wire = apple.provider.address(DEVICE).wire
    compiled = apple.provider.compile(content, message_id=MESSAGE)
    payload = compiled.render(Device(7, "apns", 1, wire, 20, "nl", None), "t" * 55, content.ttl_s)
    push = Push(1, 1, wire, payload, content.ttl_s, content.urgency, content.collapse_key, compiled.options)
    assert isinstance(await apple.provider.send(push, credential_of(form)), Accepted)
    target, headers, body = apple.http.requests[0]
    return headers, body, target.path_and_query


def token_parts(authorization: str) -> tuple[bytes, bytes]:
    """Header and claims of the token, byte for byte; the signature differs each time."""
    head, claims, _ = authorization.removeprefix("bearer ").split(".")
    return base64.urlsafe_b64decode(head + "=="), base64.urlsafe_b64decode(claims + "==")


@pytest.mark.parametrize(
    ("content", "push_type", "topic", "priority"),
    [
        (Content(title="Verzonden", body="Vóór 10 uur 📦", collapse_key="order-7"), PushType.ALERT, BUNDLE, 10),
        (
            Content(
                title={"en": "Hi", "nl": "Hoi"}, badge_count=3, data={"order": {"id": 7}}, urgency="low",
                tag="orders", collapse_key="k" * 64, image="https://shop.example/p.png",
                extra={"apns": {"subtitle": "é", "sound": {"name": "a.caf", "critical": 1}, "category": "ORDER"}},
            ),
            PushType.ALERT, BUNDLE, 5,
        ),
        (
            Content(title="x", collapse_key="a", extra={"apns": {"push_type": "background"}}),
            PushType.BACKGROUND, BUNDLE, 5,
        ),
        (
            Content(title="x", collapse_key="a", extra={"apns": {"push_type": "voip"}}),
            PushType.VOIP, f"{BUNDLE}.voip", 10,
        ),
        (
            Content(title="x", collapse_key="a", extra={"apns": {"event": "update", "content-state": {"a": 1}}}),
            PushType.LIVEACTIVITY, f"{BUNDLE}.push-type.liveactivity", 10,
        ),
        (
            Content(title="x", collapse_key="a", extra={"apns": {"push_type": "complication"}}),
            PushType.COMPLICATION, f"{BUNDLE}.complication", 10,
        ),
        (
            Content(title="x", collapse_key="a", extra={"apns": {"push_type": "fileprovider"}}),
            PushType.FILEPROVIDER, f"{BUNDLE}.pushkit.fileprovider", 10,
        ),
    ],
)  # fmt: skip
async def test_aioapns_says_the_same(
    content: Content, push_type: PushType, topic: str, priority: int, monkeypatch: pytest.MonkeyPatch
):
    """Given the same push it sends the same headers, the same payload but for spaces, and the same claims."""
    form = p8()
    our_headers, our_body, path = await ours(content, form)
    monkeypatch.setattr("aioapns.connection.time.time", lambda: NOW_S)
    their_headers, their_body = await theirs(
        NotificationRequest(
            TOKEN,
            json.loads(our_body),
            notification_id=our_headers["apns-id"],
            time_to_live=content.ttl_s,
            priority=priority,
            collapse_key=content.collapse_key,
            push_type=push_type,
            apns_topic=topic,
        ),
        form,
    )

    assert path == their_headers[":path"] == f"/3/device/{TOKEN}"
    assert token_parts(our_headers.pop("authorization")) == token_parts(their_headers.pop("authorization"))
    assert our_headers == {name: value for name, value in their_headers.items() if name.startswith("apns-")}
    assert json.dumps(json.loads(our_body), ensure_ascii=False).encode() == their_body
    assert our_body == json.dumps(json.loads(their_body), ensure_ascii=False, separators=(",", ":")).encode()
