"""Errors in the shapes of Google's APIs, and the table of what FCM answers. No state.

Sources: Google, "FCM v1 ErrorCode" and "Error codes" (status and errorCode of each case), AIP-193 (the body: code,
message, status, details with `@type`), google.rpc.BadRequest; RFC 6749 section 5.2 (errors of the token endpoint).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.sandbox.exchange import Reply

JSON: Final = {"Content-Type": "application/json; charset=UTF-8"}
_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST: Final = "type.googleapis.com/google.rpc.BadRequest"
_ERROR_INFO: Final = "type.googleapis.com/google.rpc.ErrorInfo"


class Violation(msgspec.Struct, frozen=True):
    """One thing wrong with a request: which field, and a sentence."""

    field: str
    description: str


class _Case(msgspec.Struct, frozen=True):
    """A row of the table. `code` is the FcmError's, None where a layer in front of FCM answers."""

    http: int
    status: str
    message: str
    code: str | None
    info: str | None = None


CASES: Final[dict[str, _Case]] = {
    "INVALID_ARGUMENT": _Case(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", "INVALID_ARGUMENT"),
    "INVALID_REGISTRATION": _Case(
        400,
        "INVALID_ARGUMENT",
        "The registration token is not a valid FCM registration token",
        "INVALID_ARGUMENT",
    ),
    "UNAUTHENTICATED": _Case(
        401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", None, "ACCESS_TOKEN_EXPIRED"
    ),
    "THIRD_PARTY_AUTH_ERROR": _Case(
        401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", "THIRD_PARTY_AUTH_ERROR"
    ),
    "APNS_AUTH_ERROR": _Case(401, "UNAUTHENTICATED", "Auth error from APNS", "APNS_AUTH_ERROR"),
    "SENDER_ID_MISMATCH": _Case(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH"),
    "PERMISSION_DENIED": _Case(
        403, "PERMISSION_DENIED", "Permission 'cloudmessaging.messages.create' denied.", None, "IAM_PERMISSION_DENIED"
    ),
    "SERVICE_DISABLED": _Case(
        403, "PERMISSION_DENIED", "The Cloud Messaging API is not enabled in this project.", None, "SERVICE_DISABLED"
    ),
    "UNREGISTERED": _Case(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED"),
    "NOT_FOUND": _Case(404, "NOT_FOUND", "Requested entity was not found.", None),
    "QUOTA_EXCEEDED": _Case(429, "RESOURCE_EXHAUSTED", "Quota exceeded for this project.", "QUOTA_EXCEEDED"),
    "RESOURCE_EXHAUSTED": _Case(
        429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", None, "RATE_LIMIT_EXCEEDED"
    ),
    "INTERNAL": _Case(500, "INTERNAL", "Internal error encountered.", "INTERNAL"),
    "UNAVAILABLE": _Case(503, "UNAVAILABLE", "The service is currently unavailable.", "UNAVAILABLE"),
}
"""Every answer of FCM but 200. INVALID_REGISTRATION is our name for one of two cases that share a code."""
CASE_OF: Final = {
    400: "INVALID_REGISTRATION",
    401: "UNAUTHENTICATED",
    403: "SENDER_ID_MISMATCH",
    404: "UNREGISTERED",
    429: "QUOTA_EXCEEDED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
"""What an ordered status means where no case was ordered."""


def error_body(
    case: str, *, message: str | None = None, violations: Sequence[Violation] = (), has_code: bool = True
) -> bytes:
    """The body of a case; `has_code` False: the JSON itself was wrong, FCM proper never saw it."""
    row = CASES[case]
    details: list[dict[str, Any]] = []
    if row.code is not None and has_code:
        details.append({"@type": _FCM_ERROR, "errorCode": row.code})
    if row.info is not None:
        details.append({"@type": _ERROR_INFO, "reason": row.info, "domain": "googleapis.com"})
    if violations:
        found = [{"field": one.field, "description": one.description} for one in violations]
        details.append({"@type": _BAD_REQUEST, "fieldViolations": found})
    error: dict[str, Any] = {"code": row.http, "message": message or row.message, "status": row.status}
    return msgspec.json.encode({"error": error | ({"details": details} if details else {})})


def refuse(
    case: str,
    *,
    message: str | None = None,
    violations: Sequence[Violation] = (),
    has_code: bool = True,
    headers: Mapping[str, str] = {},
) -> Reply:
    """The answer of a case."""
    body = error_body(case, message=message, violations=violations, has_code=has_code)
    return Reply(status=CASES[case].http, headers={**JSON, **headers}, body=body)


def refuse_grant(error: str, description: str, *, status: int = 400) -> Reply:
    """The token endpoint's answer."""
    return Reply(
        status=status, headers=JSON, body=msgspec.json.encode({"error": error, "error_description": description})
    )
