"""What Google's side brings to the tests: service accounts, tokens of devices, answers in Google's shape."""

import functools
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.transports.base import Credential, Minted
from gateway.transports.fcm import Provider
from gateway.wire.exchange import Answer

PROJECT = "shop-1a2b3"
EMAIL = f"sender@{PROJECT}.iam.gserviceaccount.example"
DEVICE_TOKEN = "dKz8Qn0xRkS:APA91b" + "aB3_-" * 28
TYPE = "type.googleapis.com/"


@functools.cache
def private_key_pem(bits: int = 2048) -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=bits)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def account(**changes: Any) -> dict[str, Any]:
    """A service account's file as the console hands it out; a change to None leaves a field out."""
    right = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "private_key": private_key_pem(),
        "client_email": EMAIL,
        "client_id": "123456789012345678901",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    } | changes
    return {name: value for name, value in right.items() if value is not None}


def credential(minted: Minted | None = None) -> Credential:
    """A credential as the keyring hands it out."""
    key = minted or Provider.load(json.dumps(account()), "")
    return Credential(
        app_id=1, id=1, public_id=1, provider="fcm", is_current=True, public=key.public, secret=key.secret
    )


def granted(text: str = "ya29.first", expires_in: Any = 3599, status: int = 200) -> Answer:
    """The token endpoint's answer."""
    body = {"access_token": text, "expires_in": expires_in, "token_type": "Bearer"}
    return Answer(status, {}, json.dumps(body).encode())


def taken(name: str = f"projects/{PROJECT}/messages/0:17%ab") -> Answer:
    """FCM took it."""
    return Answer(200, {}, json.dumps({"name": name}).encode())


def refused(
    status: int,
    word: str = "",
    *,
    code: str | None = None,
    message: str = "",
    fields: tuple[str, ...] = (),
    **headers: str,
) -> Answer:
    """FCM did not: `word` is the API's status, `code` FCM's own, `fields` those that were at fault."""
    details: list[dict[str, Any]] = []
    if code is not None:
        details.append({"@type": f"{TYPE}google.firebase.fcm.v1.FcmError", "errorCode": code})
    if fields:
        violations = [{"field": field, "description": "Invalid value"} for field in fields]
        details.append({"@type": f"{TYPE}google.rpc.BadRequest", "fieldViolations": violations})
    error = {"code": status, "message": message, "status": word, "details": details}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, json.dumps({"error": error}).encode())
