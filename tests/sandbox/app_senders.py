"""Senders to Apple's and Google's services, written against their pages and not against the sandbox's code."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import msgspec

from gateway.sandbox import Sandbox
from gateway.sandbox.apple_senders import AppleKey
from sandbox.actors import Clock
from sandbox.raw_http2 import Answer, RawHttp2

BUNDLE = "example.bell.shop"
PRODUCTION = "api.push.apple.com"
DEVELOPMENT = "api.sandbox.push.apple.com"
GOOGLE = "fcm.googleapis.com"
ALERT: Mapping[str, Any] = {"aps": {"alert": {"title": "t", "body": "b"}}}


class AppleSender:
    """A team with a key: makes tokens, opens lines, sends."""

    def __init__(self, sandbox: Sandbox, clock: Clock, key: AppleKey | None = None) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.key = key or sandbox.senders.make_key(bundles=[BUNDLE])
        self.lines: list[RawHttp2] = []
        self._token = ""

    async def line(self, host: str = PRODUCTION, *, certificate: Path | None = None, **settings: Any) -> RawHttp2:
        """A new connection."""
        line = await RawHttp2.connect(
            self.sandbox.apns_port, self.sandbox.ca_path, host=host, certificate=certificate, **settings
        )
        self.lines.append(line)
        return line

    async def close(self) -> None:
        """Leave all lines."""
        for line in self.lines:
            await line.close()

    def token(self, *, iat_s: float | None = None, **changes: Any) -> str:
        """A provider token, made anew."""
        header = {"kid": changes.pop("kid", self.key.key_id)}
        algorithm = changes.pop("alg", "ES256")
        p8 = changes.pop("p8", self.key.p8)
        claims = {"iss": self.key.team_id, "iat": int(self.clock() if iat_s is None else iat_s), **changes}
        return jwt.encode(claims, p8, algorithm=algorithm, headers=header)

    def headers(self, **changes: str | None) -> list[tuple[str, str]]:
        """Right headers; a change to None leaves one out, `_` stands for `-`."""
        if not self._token:
            self._token = self.token()
        right: dict[str, str | None] = {
            "authorization": f"bearer {self._token}",
            "apns-topic": BUNDLE,
            "apns-push-type": "alert",
            "apns-priority": "10",
        }
        right |= {name.replace("_", "-"): value for name, value in changes.items()}
        return [(name, value) for name, value in right.items() if value is not None]

    async def send(self, line: RawHttp2, token: str, payload: Any = ALERT, **changes: str | None) -> Answer:
        """One push with right headers, but for the changes; bytes go out as they are."""
        body = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        return await line.post(f"/3/device/{token}", self.headers(**changes), body)


class GoogleSender:
    """A service account: gets access tokens, opens lines, sends."""

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.account = sandbox.accounts.make()
        self.project: str = self.account["project_id"]
        self.lines: list[RawHttp2] = []
        self._token = ""

    async def line(self, host: str = GOOGLE) -> RawHttp2:
        """A new connection."""
        line = await RawHttp2.connect(self.sandbox.tls_port, self.sandbox.ca_path, host=host)
        self.lines.append(line)
        return line

    async def close(self) -> None:
        """Leave all lines."""
        for line in self.lines:
            await line.close()

    def assertion(self, **changes: Any) -> str:
        """A signed request for an access token."""
        now_s = int(self.clock())
        key = changes.pop("private_key", self.account["private_key"])
        algorithm = changes.pop("alg", "RS256")
        claims = {
            "iss": self.account["client_email"],
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": self.account["token_uri"],
            "iat": now_s,
            "exp": now_s + 3600,
            **changes,
        }
        return jwt.encode(claims, key, algorithm=algorithm)

    async def ask(self, assertion: str | None = None, **changes: str) -> Answer:
        """One request for an access token."""
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": self.assertion() if assertion is None else assertion,
            **changes,
        }
        line = await self.line("oauth2.googleapis.com")
        headers = [("content-type", "application/x-www-form-urlencoded")]
        return await line.post("/token", headers, urlencode(form).encode())

    async def token(self) -> str:
        """An access token, asked for once."""
        if not self._token:
            self._token = (await self.ask()).json["access_token"]
        return self._token

    async def send(
        self, line: RawHttp2, message: Any, *, project: str | None = None, token: str | None = None, **request: Any
    ) -> Answer:
        """One message; also a request's body as bytes."""
        body = message if isinstance(message, bytes) else msgspec.json.encode({"message": message, **request})
        bearer = await self.token() if token is None else token
        headers = [("authorization", f"Bearer {bearer}"), ("content-type", "application/json")]
        return await line.post(f"/v1/projects/{project or self.project}/messages:send", headers, body)


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes) -> str:
    """A JWT by hand."""
    parts = (msgspec.json.encode(header), msgspec.json.encode(claims), signature)
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def seconds_since(begun: float) -> float:
    """Real time that has passed."""
    return time.monotonic() - begun
