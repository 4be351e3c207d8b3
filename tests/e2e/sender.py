"""An application server of our own, for what the gateway would never send."""

import ssl
import time
from typing import Any

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.sandbox import Sandbox
from gateway.wire.ece import encrypt
from gateway.wire.vapid import VapidKey, VapidSigner, decode_base64url


class Loopback(AbstractResolver):
    """Sends every name to 127.0.0.1, as STEEPLE_EGRESS_RESOLVE does for the gateway."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:  # noqa: ARG002 - aiohttp's signature
        address = ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=2, proto=0, flags=0)
        return [address]

    async def close(self) -> None:
        return


class Sender:
    """An application server in twenty lines: our encryption, our VAPID, one POST."""

    def __init__(self, sandbox: Sandbox, key: VapidKey | None = None) -> None:
        self.key = key or VapidKey.generate()
        self._signer = VapidSigner(self.key, "mailto:push@shop.example")
        self._tls_port = sandbox.tls_port
        self._trust = ssl.create_default_context(cafile=str(sandbox.ca_path))

    async def send(self, subscription: dict[str, Any], payload: dict[str, Any] | None, *, ttl_s: int = 60) -> int:
        """Post one message; returns the status."""
        endpoint, keys = subscription["endpoint"], subscription["keys"]
        origin = endpoint[: endpoint.index("/", 9)]
        headers = {"TTL": str(ttl_s), "Authorization": self._signer.authorization(origin, time.time())}
        body = b""
        if payload is not None:
            p256dh, auth = (decode_base64url(keys[name]) for name in ("p256dh", "auth"))
            body = encrypt(msgspec.json.encode(payload), p256dh=p256dh, auth=auth)
            headers["Content-Encoding"] = "aes128gcm"
        is_tls = endpoint.startswith("https:")
        connector = aiohttp.TCPConnector(resolver=Loopback(self._tls_port), ssl=self._trust) if is_tls else None
        async with (
            aiohttp.ClientSession(connector=connector) as http,
            http.post(endpoint, data=body, headers=headers) as answer,
        ):
            return answer.status
