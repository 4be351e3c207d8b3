"""What Apple's service accepts: its headers, topics and payloads, and the status of each of its reasons. No state.

Sources: Apple, "Sending notification requests to APNs" (headers, push types and their topics), "Handling notification
responses from APNs" (statuses and reasons), "Generating a remote notification" (sizes). Apple names no reason for a
payload that is no JSON object with `aps`, nor for a push type whose topic lacks its ending; here they are PayloadEmpty
and InvalidPushType.
"""

import re
from typing import Any, Final

import msgspec
from multidict import CIMultiDictProxy

from gateway.model.limits import APNS_PAYLOAD_BYTES_MAX, APNS_VOIP_PAYLOAD_BYTES_MAX, COLLAPSE_KEY_CHARS_MAX

STATUS_OF: Final = {
    "BadCollapseId": 400,
    "BadDeviceToken": 400,
    "BadExpirationDate": 400,
    "BadMessageId": 400,
    "BadPriority": 400,
    "BadTopic": 400,
    "DeviceTokenNotForTopic": 400,
    "DuplicateHeaders": 400,
    "IdleTimeout": 400,
    "InvalidPushType": 400,
    "MissingDeviceToken": 400,
    "MissingTopic": 400,
    "PayloadEmpty": 400,
    "TopicDisallowed": 400,
    "BadCertificate": 403,
    "BadCertificateEnvironment": 403,
    "BadEnvironmentKeyIdInToken": 403,
    "ExpiredProviderToken": 403,
    "Forbidden": 403,
    "InvalidProviderToken": 403,
    "MissingProviderToken": 403,
    "UnrelatedKeyIdInToken": 403,
    "BadPath": 404,
    "MethodNotAllowed": 405,
    "ExpiredToken": 410,
    "Unregistered": 410,
    "PayloadTooLarge": 413,
    "TooManyProviderTokenUpdates": 429,
    "TooManyRequests": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "Shutdown": 503,
}
"""Every reason that Apple documents, and the status that it comes with."""
REASON_OF: Final = {
    400: "BadDeviceToken",
    403: "InvalidProviderToken",
    404: "BadPath",
    405: "MethodNotAllowed",
    410: "Unregistered",
    413: "PayloadTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
"""What an ordered status means where no reason was ordered."""
TELLS_SINCE: Final = frozenset({"Unregistered", "ExpiredToken"})
"""Reasons that come with a `timestamp`."""
TOPIC_ENDINGS: Final = {
    "alert": "",
    "background": "",
    "mdm": "",
    "complication": ".complication",
    "controls": ".push-type.controls",
    "fileprovider": ".pushkit.fileprovider",
    "liveactivity": ".push-type.liveactivity",
    "location": ".location-query",
    "pushtotalk": ".voip-ptt",
    "voip": ".voip",
    "widgets": ".push-type.widgets",
}
"""Each push type, and what its topic has behind the bundle id."""
_ENDINGS: Final = tuple(ending for ending in TOPIC_ENDINGS.values() if ending)
_TOPIC: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_EXPIRATION: Final = re.compile(r"[0-9]{1,10}")
_DEVICE_TOKEN: Final = re.compile(r"(?:[0-9a-fA-F]{2}){32,100}")
_PRIORITIES: Final = frozenset({"1", "5", "10"})
_SHOWS: Final = frozenset({"alert", "badge", "sound"})
_SINGLE: Final = (
    "authorization",
    "apns-id",
    "apns-expiration",
    "apns-priority",
    "apns-topic",
    "apns-push-type",
    "apns-collapse-id",
)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers of a good request ask for."""

    push_type: str
    topic: str
    bundle: str
    """The topic without the ending of its push type."""
    priority: int
    expires_at_s: int | None
    """Unix seconds; 0: do not store; None: not said."""
    collapse: str | None


def is_message_id(text: str) -> bool:
    """A canonical UUID in lower case."""
    return _UUID.fullmatch(text) is not None


def is_device_token(text: str) -> bool:
    """Hexadecimal, of a length that Apple uses or may come to use (it asks not to count on 32 bytes)."""
    return _DEVICE_TOKEN.fullmatch(text) is not None


def check_headers(headers: CIMultiDictProxy[str], *, bundle: str | None) -> Order | str:
    """The order that the headers make, or the reason of a refusal. `bundle`: of the sender's certificate, if any."""
    if any(len(headers.getall(name, ())) > 1 for name in _SINGLE):
        return "DuplicateHeaders"
    if (message_id := headers.get("apns-id")) is not None and not is_message_id(message_id):
        return "BadMessageId"
    expiration = headers.get("apns-expiration")
    if expiration is not None and not _EXPIRATION.fullmatch(expiration):
        return "BadExpirationDate"
    priority = headers.get("apns-priority", "10")
    if priority not in _PRIORITIES:
        return "BadPriority"
    collapse = headers.get("apns-collapse-id")
    if collapse is not None and not 0 < len(collapse.encode("latin-1")) <= COLLAPSE_KEY_CHARS_MAX:
        return "BadCollapseId"
    named = _check_topic(headers.get("apns-push-type", "alert"), headers.get("apns-topic", bundle))
    if isinstance(named, str):
        return named
    push_type, topic, base = named
    if push_type == "background" and priority == "10":
        return "BadPriority"
    return Order(
        push_type=push_type,
        topic=topic,
        bundle=base,
        priority=int(priority),
        expires_at_s=None if expiration is None else int(expiration),
        collapse=collapse,
    )


def _check_topic(push_type: str, topic: str | None) -> tuple[str, str, str] | str:
    """Push type, topic and bundle, or a reason."""
    ending = TOPIC_ENDINGS.get(push_type)
    if ending is None:
        return "InvalidPushType"
    if not topic:
        return "MissingTopic"
    if not _TOPIC.fullmatch(topic):
        return "BadTopic"
    if not topic.endswith(ending) or (not ending and topic.endswith(_ENDINGS)):
        return "InvalidPushType"
    return push_type, topic, topic[: len(topic) - len(ending)]


def check_payload(body: bytes, order: Order) -> dict[str, Any] | str:
    """The payload, or the reason of a refusal."""
    bytes_max = APNS_VOIP_PAYLOAD_BYTES_MAX if order.push_type == "voip" else APNS_PAYLOAD_BYTES_MAX
    if len(body) > bytes_max:
        return "PayloadTooLarge"
    try:
        payload = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return "PayloadEmpty"
    if not isinstance(payload, dict) or not isinstance(aps := payload.get("aps"), dict):
        return "PayloadEmpty"
    if order.priority == 10 and aps.get("content-available") == 1 and not _SHOWS & aps.keys():  # noqa: PLR2004 - at once
        return "BadPriority"
    return payload
