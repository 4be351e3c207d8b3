"""The service account of a Firebase project: reading its file, and what an access token is asked for with.

Sources: Google, "Using OAuth 2.0 for server to server applications"; RFC 7523 section 2.1 (JWT bearer grant); RFC 6749
section 5.1 (the answer).
"""

import hashlib
import re
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from gateway.model.errors import Invalid
from gateway.wire.exchange import Answer
from gateway.wire.jwt import read_signing_key, sign_jwt
from gateway.wire.urls import EgressRefused, parse_origin, split_url

TOKEN_HOST: Final = "oauth2.googleapis.com"  # noqa: S105 - an address
_TOKEN_URI: Final = f"https://{TOKEN_HOST}/token"
_FORMER_TOKEN_URIS: Final = (
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v3/token",
    "https://www.googleapis.com/oauth2/v4/token",
)
"""What older files name; the same service answers under the present name."""
_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_LIFE_S: Final = 3600
_TOKEN_LIFE_S_MIN: Final = 60
_TOKEN_LIFE_S_MAX: Final = 24 * 3600

_PROJECT: Final = re.compile(r"[a-z][a-z0-9.:-]{2,99}", re.ASCII)
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,128}@[A-Za-z0-9.-]{3,255}", re.ASCII)
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{0,128}", re.ASCII)
_TOKEN_TEXT: Final = re.compile(r"[!-~]{1,4096}", re.ASCII)
_HOW: Final = (
    "Give the JSON file of a service account: Firebase console, Project settings, Service accounts, Generate new "
    "private key."
)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What we keep of the file. `private_key` is PEM."""

    project_id: str
    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = _TOKEN_URI

    def __repr__(self) -> str:
        """Without the key: such objects end up in tracebacks."""
        return f"Account({self.project_id})"

    @property
    def token_name(self) -> str:
        """What its access tokens are shared under: another key, even of the same account, is another name."""
        return f"fcm/{hashlib.sha256(msgspec.json.encode(self)).hexdigest()}"

    def grant(self, now_s: float) -> bytes:
        """The body of a request for an access token. Signing takes about a millisecond."""
        claims = {
            "iss": self.client_email,
            "scope": _SCOPE,
            "aud": self.token_uri,
            "iat": int(now_s),
            "exp": int(now_s) + _ASSERTION_LIFE_S,
        }
        header = {"kid": self.private_key_id} if self.private_key_id else {}
        key = read_signing_key(self.private_key.encode(), "RS256")
        return urlencode({"grant_type": _GRANT, "assertion": sign_jwt(header, claims, key)}).encode()


class Granted(msgspec.Struct, frozen=True):
    """What the token endpoint gives, with how long it lives."""

    access_token: str
    expires_in: int

    def __repr__(self) -> str:
        """Without the token: such objects end up in tracebacks."""
        return f"Granted(expires_in={self.expires_in})"


def granted_in(answer: Answer) -> Granted | None:
    """The access token of a 200; None where it holds none that could be used. No life is longer than a day."""
    try:
        granted = msgspec.json.decode(answer.body, type=Granted, strict=False)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if granted.expires_in < _TOKEN_LIFE_S_MIN or _TOKEN_TEXT.fullmatch(granted.access_token) is None:
        return None
    return Granted(granted.access_token, min(granted.expires_in, _TOKEN_LIFE_S_MAX))


def read(secret: bytes) -> Account:
    """The account as `load` packed it."""
    return msgspec.json.decode(secret, type=Account)


def load(raw: str) -> tuple[dict[str, Any], bytes]:
    """What to show and what to seal of a service account's file. Raises `Invalid`; it never quotes the file."""
    try:
        said = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _invalid(f"This is no JSON. {_HOW}", "private_key") from None
    if not isinstance(said, dict):
        raise _invalid(f"This is no service account. {_HOW}", "private_key")
    _check_kind(said)
    account = Account(
        project_id=_field(said, "project_id", _PROJECT),
        client_email=_field(said, "client_email", _EMAIL),
        private_key=_private_key(said),
        private_key_id=_field(said, "private_key_id", _KEY_ID) if said.get("private_key_id") is not None else "",
        token_uri=_token_uri(said.get("token_uri", _TOKEN_URI)),
    )
    public = {
        "project_id": account.project_id,
        "client_email": account.client_email,
        "private_key_id": account.private_key_id,
    }
    return public, msgspec.json.encode(account)


def _check_kind(said: dict[str, Any]) -> None:
    """Firebase hands out several JSON files, and the wrong one is a common mistake."""
    if "project_info" in said:
        raise _invalid(f"This is google-services.json, which belongs into the app. {_HOW}", "type")
    if "apiKey" in said or "messagingSenderId" in said:
        raise _invalid(f"This is the configuration of a web page. {_HOW}", "type")
    if said.get("type", "service_account") != "service_account":
        raise _invalid(f"This is another kind of credential than a service account. {_HOW}", "type")


def _field(said: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = said.get(name)
    if not isinstance(value, str) or form.fullmatch(value) is None:
        what = "misses" if value is None else "has an unusual"
        raise _invalid(f"The file {what} {name}. {_HOW}", name)
    return value


def _private_key(said: dict[str, Any]) -> str:
    pem = said.get("private_key")
    if not isinstance(pem, str):
        raise _invalid(f"The file misses private_key. {_HOW}", "private_key")
    # Whoever carries the file through an environment variable often ends up with its newlines spelled out.
    pem = pem.replace("\\n", "\n").strip() + "\n"
    try:
        read_signing_key(pem.encode(), "RS256")
    except (ValueError, UnicodeError) as fault:
        sentence = str(fault) if not isinstance(fault, UnicodeError) else "This is no private key in PEM form."
        raise _invalid(sentence, "private_key") from None
    return pem


def _token_uri(uri: Any) -> str:
    if uri in _FORMER_TOKEN_URIS:
        return _TOKEN_URI
    try:
        origin = parse_origin(split_url(uri)[0]) if isinstance(uri, str) else None
    except EgressRefused:
        origin = None
    if origin is None or (origin.scheme, origin.host, origin.port) != ("https", TOKEN_HOST, 443):
        raise _invalid(f"Access tokens come from https://{TOKEN_HOST}; the file names another place.", "token_uri")
    return str(uri)


def _invalid(sentence: str, param: str) -> Invalid:
    return Invalid("key_material_invalid", sentence, param=param)
