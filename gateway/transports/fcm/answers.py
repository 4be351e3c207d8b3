"""What FCM and Google's token endpoint answer, and what that means: for the push, the device, the account, the lane.

Sources: Firebase, "FCM v1 ErrorCode" and "Error codes" (what to do on each), "Throttling and quotas" (a minute's wait
after a 429 without Retry-After); AIP-193 (the shape of errors: status, message, details by `@type`), google.rpc
BadRequest and QuotaFailure; RFC 6749 section 5.2 (errors of the token endpoint).
"""

from typing import Any, Final

import msgspec

from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Rejected, Retry, Suspect
from gateway.wire.exchange import Answer, WireFailure
from gateway.wire.retry_after import retry_after_s

_FCM_ERROR: Final = "google.firebase.fcm.v1.FcmError"
_BAD_REQUEST: Final = "google.rpc.BadRequest"
_QUOTA_FAILURE: Final = "google.rpc.QuotaFailure"
_TOKEN_FIELD: Final = "message.token"  # noqa: S105 - the name of a field
_THIRD_PARTY: Final = frozenset({"THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"})
_THROTTLED_S: Final = 60.0
"""The wait after a 429 that names none."""
_UNAVAILABLE_S: Final = 1.0
_THIRD_PARTY_S: Final = 1800.0
"""Until a device is tried again whose platform the project has no good key for: while somebody uploads one."""
_UNAUTHENTICATED: Final = 401
_THIRD_PARTY_REASON: Final = "third_party_key"


class Refusal(msgspec.Struct, frozen=True):
    """The JSON of an answer that is no success, as far as it decides anything. All empty where it is not Google's."""

    status: str = ""
    """Of the API: NOT_FOUND, RESOURCE_EXHAUSTED."""
    code: str = ""
    """FCM's own, more exact: UNREGISTERED."""
    message: str = ""
    fields: tuple[str, ...] = ()
    """The fields that were at fault."""
    quota: str = ""
    """Whose quota was used up, in words."""

    @property
    def is_about_a_third_party(self) -> bool:
        """Whether the key that the project has at Apple (or for browsers) was refused, not ours."""
        return self.code in _THIRD_PARTY


class _Named(msgspec.Struct, frozen=True):
    name: str | None = None


_named: Final = msgspec.json.Decoder(_Named)


def accepted(answer: Answer) -> Accepted:
    """A success, with the name that FCM gave the message if it can be read."""
    try:
        return Accepted(_named.decode(answer.body).name)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Accepted()


def refusal_in(answer: Answer) -> Refusal:
    """What the body says."""
    try:
        said = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Refusal()
    error = _dict(_dict(said).get("error"))
    details = [_dict(one) for one in _list(error.get("details"))]
    return Refusal(
        status=_text(error.get("status")),
        code=next((_text(one.get("errorCode")) for one in details if _is_kind(one, _FCM_ERROR)), ""),
        message=_text(error.get("message")),
        fields=tuple(
            _text(_dict(violation).get("field"))
            for one in details
            if _is_kind(one, _BAD_REQUEST)
            for violation in _list(one.get("fieldViolations"))
        ),
        quota=" ".join(str(one.get("violations"))[:500] for one in details if _is_kind(one, _QUOTA_FAILURE)),
    )


def is_token_refused(answer: Answer, refusal: Refusal) -> bool:
    """Whether our access token was refused, so that another one may help."""
    return answer.status == _UNAUTHENTICATED and not refusal.is_about_a_third_party


def outcome_of(answer: Answer, refusal: Refusal, *, now_s: float) -> Outcome:
    """What an answer means that is no success; a 401 after a renewed token."""
    wait_s = retry_after_s(answer.headers.get("retry-after"), now_s=now_s)
    match answer.status:
        case 400 | 401 | 403 | 404 | 413:
            return _refused(answer.status, refusal)
        case 429:
            # One device that gets too many is its own trouble; the project's quota is everybody's.
            scope = "push" if "device" in refusal.quota.lower() else "lane"
            return Retry("throttled", after_s=_THROTTLED_S if wait_s is None else wait_s, scope=scope)
        case 503:
            scope = "push" if wait_s is None else "lane"
            return Retry("unavailable", after_s=max(wait_s or 0.0, _UNAVAILABLE_S), scope=scope)
        case status if status >= 500:  # noqa: PLR2004 - the class of server faults
            return Retry("server_error", after_s=wait_s)
        case status if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects, never followed
            return Rejected("redirect", alarm=True)
        case _:
            return Rejected("unknown_answer", alarm=True)


def _refused(status: int, refusal: Refusal) -> Outcome:
    """What asking again would not change: the message, the device, the account."""
    match status, refusal.code or refusal.status:
        case 401, code if code in _THIRD_PARTY:
            # Only devices of that platform meet this, so the lane goes on for the others; nobody is dropped.
            return Retry(_THIRD_PARTY_REASON, after_s=_THIRD_PARTY_S, scope="device")
        case 401, _:
            return Misconfigured("credential_refused")
        case ((400 | 403), "SENDER_ID_MISMATCH"):
            return Suspect("sender_id_mismatch")
        case 403, _:
            return Misconfigured("permission_denied")
        case 404, "UNREGISTERED" | "NOT_FOUND":
            return Gone("unregistered")
        case 400, _:
            return _bad_request(refusal)
        case 413, _:
            return Rejected("too_large")
        case _:
            # A 404 that is not Google's: a wrong address must not look like devices that are gone.
            return Rejected("unknown_answer", alarm=True)


def _bad_request(refusal: Refusal) -> Outcome:
    """Is it the message or the token? Both are INVALID_ARGUMENT; only the words and the fields tell."""
    if "too big" in refusal.message.lower():
        return Rejected("too_large")
    if refusal.fields:
        is_token = all(field == _TOKEN_FIELD for field in refusal.fields)
        return Suspect("registration_refused") if is_token else Rejected("request_refused", alarm=True)
    if "registration token" in refusal.message.lower():
        return Suspect("registration_refused")
    return Rejected("request_refused", alarm=True)


def outcome_without_token(answer: Answer, *, now_s: float) -> Outcome:
    """What it means that the token endpoint gave none: the account is at fault, or the endpoint is."""
    if answer.status == 429 or answer.status >= 500:  # noqa: PLR2004 - HTTP: not now
        wait_s = retry_after_s(answer.headers.get("retry-after"), now_s=now_s)
        return Retry("token_endpoint", after_s=wait_s, scope="lane")
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success
        return Retry("token_endpoint", scope="lane")
    try:
        said = _dict(msgspec.json.decode(answer.body))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        said = {}
    # Google says "reasonable timeframe" of an assertion from a machine whose clock is wrong.
    is_clock = "timeframe" in _text(said.get("error_description"))
    return Misconfigured("clock_wrong" if is_clock else "account_refused")


def outcome_of_token_failure(failure: WireFailure) -> Outcome:
    """No token, as nobody answered: the whole account waits."""
    match failure.kind:
        case "refused":
            return Misconfigured("endpoint_refused")
        case "tls":
            return Misconfigured("tls")
        case _:
            return Retry("token_endpoint", scope="lane")


def _is_kind(detail: dict[str, Any], kind: str) -> bool:
    return _text(detail.get("@type")).rpartition("/")[2] == kind


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
