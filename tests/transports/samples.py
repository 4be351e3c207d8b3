"""A sample of each provider for the tests that every provider passes: add yours when you add one."""

import importlib
import secrets
from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.transports import find
from gateway.transports.base import Credential
from gateway.wire.base64url import encode_base64url

SUBJECT = "mailto:push@shop.example"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A device as it enrols, what is no device (with the field at fault), and a credential to send with."""

    device: dict[str, Any]
    junk: list[tuple[dict[str, Any], str]]
    credential: Credential


def browser(endpoint: str = "https://updates.push.services.mozilla.com/wpush/v2/abc") -> dict[str, Any]:
    """What a browser says of a new subscription."""
    point = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    return {
        "endpoint": endpoint,
        "keys": {"p256dh": encode_base64url(point), "auth": encode_base64url(secrets.token_bytes(16))},
    }


def minted(provider: str) -> Credential:
    """A new key of a provider whose keys we can make ourselves."""
    key = find(provider).generate(SUBJECT)
    assert key is not None
    return Credential(
        app_id=1, id=1, public_id=1, provider=provider, is_current=True, public=key.public, secret=key.secret
    )


def _webpush() -> Sample:
    device = browser()
    keys = device["keys"]

    def with_keys(**changed: Any) -> dict[str, Any]:
        return {**device, "keys": {**keys, **changed}}

    return Sample(
        device=device,
        junk=[
            ({}, "endpoint"),
            ({"keys": keys}, "endpoint"),
            ({**device, "endpoint": None}, "endpoint"),
            ({**device, "endpoint": 5}, "endpoint"),
            ({**device, "endpoint": b"https://x"}, "endpoint"),
            ({**device, "endpoint": ""}, "endpoint"),
            ({**device, "endpoint": "http://fcm.googleapis.com/x"}, "endpoint"),
            ({**device, "endpoint": "https://evil.example/x"}, "endpoint"),
            ({**device, "endpoint": "https://127.0.0.1/x"}, "endpoint"),
            ({**device, "endpoint": "https://fcm.googleapis.com:8443/x"}, "endpoint"),
            ({**device, "endpoint": "https://fcm.googleapis.com/" + "x" * 3000}, "endpoint"),
            ({**device, "endpoint": "https://fcm.googleapis.com/\r\nX: y"}, "endpoint"),
            ({**device, "endpoint": "\ud800"}, "endpoint"),
            ({"endpoint": device["endpoint"]}, "keys"),
            ({**device, "keys": None}, "keys"),
            ({**device, "keys": [keys]}, "keys"),
            ({**device, "keys": {}}, "keys.p256dh"),
            (with_keys(p256dh=None), "keys.p256dh"),
            (with_keys(p256dh=b"x"), "keys.p256dh"),
            (with_keys(p256dh=""), "keys.p256dh"),
            (with_keys(p256dh="not base64url!"), "keys.p256dh"),
            (with_keys(p256dh="é" * 87), "keys.p256dh"),
            (with_keys(p256dh=encode_base64url(b"\x04" + b"\x01" * 64)), "keys.p256dh"),
            (with_keys(p256dh="A" * 100_000), "keys.p256dh"),
            (with_keys(auth=None), "keys.auth"),
            (with_keys(auth=encode_base64url(b"x" * 15)), "keys.auth"),
            (with_keys(auth="\ud800"), "keys.auth"),
        ],
        credential=minted("webpush"),
    )


SAMPLES: dict[str, Callable[[], Sample]] = {"webpush": _webpush}


def sample_of(name: str) -> Sample:
    """A provider's sample, wherever it is offered."""
    return SAMPLES[name]() if name in SAMPLES else importlib.import_module(f"tests.transports.test_{name}").sample()
