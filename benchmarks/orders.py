"""Orders for contestants: the campaign's message to as many new devices of a provider as are asked for, and a key."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks import audience, campaign
from benchmarks.peers.order import Order, Push
from benchmarks.sink import Sink
from gateway.model.ids import new_id, to_text
from gateway.wire.vapid import VapidKey

Provider = Literal["webpush", "apns", "fcm"]
PROVIDERS: Final[tuple[Provider, ...]] = ("webpush", "apns", "fcm")
TTL_S: Final = 3600
TOPIC: Final = "example.shop.app"
PROJECT: Final = "shop-example"
_SUBJECT: Final = "mailto:push@shop.example"
_RSA_BITS: Final = 2048
"""Those of Google's service accounts."""
_APNS_TOKEN_BYTES: Final = 32
_FCM_TOKEN_BYTES: Final = 105
"""Tokens of apps have 142 characters behind the colon."""


class Orders:
    """Makes orders for one sink; keys are made once."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._points = audience.points()
        self._credentials: Mapping[Provider, dict[str, str]] = {
            "webpush": _vapid(),
            "apns": _provider_key(),
            "fcm": _service_account(sink),
        }
        self._push: Mapping[Provider, Callable[[int], Push]] = {
            "webpush": self._web_push,
            "apns": self._apns,
            "fcm": self._fcm,
        }

    def order(self, provider: Provider, messages: int, *, warm_up: int, concurrency: int) -> Order:
        """New devices at the sink, each with a payload of its own; `warm_up` of them come before `messages`."""
        make = self._push[provider]
        return Order(
            provider=provider, pushes=[make(number) for number in range(warm_up + messages)], warm_up=warm_up,
            concurrency=concurrency, origin=self._sink.origin, ca_file=str(self._sink.ca_file),
            credential=self._credentials[provider], ttl_s=TTL_S,
        )  # fmt: skip

    def _web_push(self, number: int) -> Push:
        receiver = audience.receiver(self._points, number)
        shown = {**_shown(), "navigate": campaign.MESSAGE["url"], "icon": campaign.MESSAGE["icon"]}
        ids = _ids()
        shown |= {"tag": ids["m"], "data": {"steeple": ids}}
        payload = {"web_push": 8030, "mutable": True, "notification": shown}
        return Push(receiver.described(audience.endpoint(self._sink)), _text(payload))

    def _apns(self, _number: int) -> Push:
        ids = {"url": campaign.MESSAGE["url"], **_ids()}
        payload = {"aps": {"alert": _shown(), "sound": "default"}, "steeple": ids}
        return Push({"token": secrets.token_hex(_APNS_TOKEN_BYTES), "bundle_id": TOPIC}, _text(payload))

    def _fcm(self, _number: int) -> Push:
        token = f"{secrets.token_urlsafe(16)}:APA91b{secrets.token_urlsafe(_FCM_TOKEN_BYTES)}"
        ids, link = _ids(), campaign.MESSAGE["url"]
        tag, life = ids["m"], str(TTL_S)
        web = {"notification": {"icon": campaign.MESSAGE["icon"], "tag": tag}, "fcm_options": {"link": link}}
        message = {
            "token": token,
            "notification": _shown(),
            "data": {"url": link, "steeple": _text(ids)},
            "android": {"notification": {"tag": tag}, "priority": "NORMAL", "ttl": f"{life}s"},
            "apns": {"headers": {"apns-collapse-id": tag, "apns-expiration": life}},
            "webpush": {**web, "headers": {"TTL": life, "Urgency": "normal"}},
        }
        return Push({"token": token}, _text({"message": message}))


def _shown() -> dict[str, str]:
    return {"title": campaign.MESSAGE["title"], "body": campaign.MESSAGE["body"]}


def _ids() -> dict[str, str]:
    """What makes a payload its recipient's own: ids and a receipt token of their usual length."""
    return {"m": to_text("msg", new_id()), "s": to_text("sub", new_id()), "t": secrets.token_urlsafe(41)}


def _text(payload: dict[str, Any]) -> str:
    return msgspec.json.encode(payload).decode()


def _vapid() -> dict[str, str]:
    key = VapidKey.generate()
    return {
        "subject": _SUBJECT,
        "private_key": key.to_base64url(),
        "public_key": key.public_base64url,
        "pem": key.to_pem().decode(),
    }


def _provider_key() -> dict[str, str]:
    """As Apple hands them out: P-256 in PEM, with ids of ten characters."""
    return {
        "key": VapidKey.generate().to_pem().decode(),
        "key_id": "ABC123DEFG",
        "team_id": "DEF123GHIJ",
        "topic": TOPIC,
    }


def _service_account(sink: Sink) -> dict[str, str]:
    """As Google hands them out, with a token endpoint at the sink."""
    key = rsa.generate_private_key(65_537, _RSA_BITS)
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": secrets.token_hex(20),
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": f"push@{PROJECT}.iam.gserviceaccount.com",
        "client_id": "100000000000000000000",
        "token_uri": f"{sink.origin}/token",
    }
