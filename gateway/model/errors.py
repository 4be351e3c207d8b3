"""What a caller is told when something is refused.

A refusal is raised as a `GatewayError` with a code of the closed list below and a sentence that says what to do. The
API renders it in one JSON shape; the command line prints the sentence. Answers of push services are not errors but
outcomes (`model.delivery`), and faults of our own are assertions.
"""

from typing import Final, Literal

ErrorType = Literal[
    "invalid_request",
    "authentication",
    "permission",
    "not_found",
    "conflict",
    "rate_limit",
    "unavailable",
    "internal",
]

STATUS_OF_TYPE: Final[dict[ErrorType, int]] = {
    "invalid_request": 422,
    "authentication": 401,
    "permission": 403,
    "not_found": 404,
    "conflict": 409,
    "rate_limit": 429,
    "unavailable": 503,
    "internal": 500,
}
"""The usual HTTP status of each type; a code may name another (400, 405, 413, 415)."""

ERROR_CODES: Final[dict[str, str]] = {
    "http_unreadable": "The request breaks the rules of HTTP.",
    "json_unreadable": "The body is not JSON, or not UTF-8.",
    "body_too_slow": "The body did not arrive in time.",
    "body_too_large": "The body is larger than this route takes.",
    "encoding_unsupported": "The body was sent compressed; send it plain.",
    "media_type_unsupported": "The body has a content type that this route does not read.",
    "method_not_allowed": "The path exists, the method does not.",
    "header_invalid": "A request header has a value that cannot be read.",
    "field_unknown": "The body names a field that does not exist here.",
    "field_invalid": "A field has a wrong type or a value out of its range.",
    "field_missing": "A field that is needed is absent.",
    "audience_missing": "The message names no audience.",
    "audience_invalid": "The audience cannot be read, such as a topic expression with a fault.",
    "area_invalid": "An area is not a simple polygon that can be meant.",
    "filter_invalid": "A filter (`where`) cannot be read; `param` is the path of the fault.",
    "geofences_too_many": "The app has as many geofences as it may have.",
    "location_without_consent": "A position was sent, and the person has not agreed to have it kept.",
    "topic_unknown": "A topic of that name does not exist in the app.",
    "topics_too_many": "The device or the app has as many topics as it may have.",
    "segment_unknown": "A segment of that name does not exist in the app.",
    "segment_cycle": "A segment would stand on itself, by way of others or at once.",
    "segment_too_deep": "Segments stand on segments more deeply than they may, or come to too many conditions.",
    "segment_in_use": "Another segment, or a message that is not done, still uses it.",
    "segments_too_many": "The app has as many segments as it may have.",
    "list_unknown": "A list of that name does not exist in the app.",
    "list_in_use": "A segment, or a message that is not done, still uses it.",
    "lists_too_many": "The app has as many lists as it may have.",
    "prompts_too_many": "The app has as many prompts, or as many active ones, as it may have.",
    "prompt_too_large": "The prompt with all of its variants and languages is more than pages should have to read.",
    "link_refused": "A link leads to a host that is not on the app's list.",
    "content_missing": "The message has neither a title nor a body.",
    "content_too_large": "The payload would not fit into a push message.",
    "template_unknown": "The app has no template of that id.",
    "templates_too_many": "The app has as many templates as it may have.",
    "template_invalid": "A text with fields in it cannot be read, or names something that cannot be.",
    "schedule_invalid": "The time to send at is in the past or too far ahead.",
    "subject_invalid": "The VAPID subject is not an address that push services accept.",
    "key_material_invalid": "A key is not what its field demands.",
    "endpoint_refused": "The push endpoint is not on the list of push services.",
    "link_invalid": "The link of a message is forged, too old, or of a device that is no more.",
    "link_not_yours": "The link of a message is somebody else's: another person has logged in on the device since.",
    "subscription_ended": "The browser or phone ended the subscription, and only it can make another.",
    "consent_withdrawn": "The owner of this address has left, and nobody has agreed anew.",
    "consents_too_many": "The ledger of consents has as many records of this device as it takes.",
    "endpoint_taken": "The endpoint belongs to another device.",
    "origin_invalid": "An origin is not of the form https://host[:port].",
    "origin_refused": "The page's origin is not among the app's origins.",
    "channel_unknown": "No provider of that name is installed.",
    "credential_unknown": "The app has no credential of that id.",
    "credential_in_use": "Subscriptions still depend on that credential.",
    "key_missing": "The call needs an API key.",
    "key_invalid": "The API key does not exist, was revoked, or has a typing error.",
    "secret_invalid": "The secret does not fit this subscription or visitor.",
    "signature_invalid": "The signature of the login is wrong or has expired.",
    "key_publishable": "A publishable key was sent where a secret key, or a device's secret, is needed.",
    "key_exposed": "A secret key was sent from a page or an app, where others can read it.",
    "scope_missing": "The API key does not have the scope that this call needs.",
    "not_found": "There is no such thing in this app.",
    "route_not_found": "There is no such path.",
    "already_recalled": "The message was recalled before, with another replacement.",
    "state_conflict": "The message is in a state that does not allow this.",
    "approval_unconfirmed": "An approval by who ordered it lacks the number of its audience, or the number is wrong.",
    "app_stopped": "The app was stopped by hand and sends nothing until it is started again; nothing was accepted.",
    "name_taken": "The name is already used in this app.",
    "idempotency_mismatch": "The Idempotency-Key was used before with another body.",
    "idempotency_in_flight": "A request with this Idempotency-Key is still being worked on.",
    "coupon_pool_unknown": "The message names a coupon pool that the app does not have, or that has expired.",
    "coupon_pools_too_many": "The app has as many coupon pools as it may have.",
    "coupon_pool_full": "The pool has as many codes as it may have.",
    "coupon_pattern_small": "The pattern makes too few codes for them to be hard to guess.",
    "coupon_pattern_used_up": "Nearly all codes that the pattern can make are in the pool.",
    "coupon_redeemed": "The code was redeemed before.",
    "coupon_expired": "The code has expired.",
    "rate_limited": "Too many requests; wait as long as Retry-After says.",
    "store_unavailable": "The database cannot be reached; nothing was changed.",
    "overloaded": "The gateway has as much work as it can hold; nothing was accepted.",
    "draining": "This process is stopping; ask again.",
    "internal": "The gateway made a mistake; it is in its log under the request id.",
    "setting_invalid": "A setting has a value that cannot be used.",
    "master_key_missing": "The database holds sealed secrets and the key that opens them is not here.",
}
"""Every code the gateway answers with, and what it means. The reference page is generated from this table."""


class GatewayError(Exception):
    """A refusal: `code` from `ERROR_CODES`, a sentence for the caller, and the field at fault if there is one.

    `status` is an HTTP status; `retry_after_s` goes out as the Retry-After header.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        kind: ErrorType = "invalid_request",
        status: int | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        assert code in ERROR_CODES, f"{code} is not in ERROR_CODES"
        self.code = code
        self.message = message
        self.kind: ErrorType = kind
        self.status = status if status is not None else STATUS_OF_TYPE[kind]
        self.param = param
        self.retry_after_s = retry_after_s


class Invalid(GatewayError):
    """Readable, but wrong: 422, with the path of the field."""

    def __init__(self, code: str, message: str, *, param: str | None = None) -> None:
        super().__init__(code, message, kind="invalid_request", param=param)


class NotFound(GatewayError):
    """No such thing, or not in this app: 404 either way, so that nobody learns what other apps hold."""

    def __init__(self, what: str, *, param: str | None = None) -> None:
        where = "" if what == "app" else " in this app"
        super().__init__("not_found", f"There is no such {what}{where}.", kind="not_found", param=param)


class Conflict(GatewayError):
    """The state of the thing does not allow the call: 409."""

    def __init__(self, code: str, message: str, *, param: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(code, message, kind="conflict", param=param, retry_after_s=retry_after_s)


class StoreUnavailable(GatewayError):
    """The database cannot be reached or has no free connection: 503, nothing was changed."""

    def __init__(self, message: str = "The database cannot be reached at the moment; nothing was changed.") -> None:
        super().__init__("store_unavailable", message, kind="unavailable", retry_after_s=2)
