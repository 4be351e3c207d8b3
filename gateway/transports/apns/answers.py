"""What Apple answers, and what that means: for the push, the device, the credential, the lane.

Sources: Apple, "Handling notification responses from APNs" (statuses, reasons, the `timestamp` of a 410); for what the
pages leave open, answers of Apple's engineers in its developer forums (TooManyProviderTokenUpdates: that connection is
of no use for a while).
"""

from typing import Any, Final

import msgspec

from gateway.model.delivery import Gone, Misconfigured, Outcome, Rejected, Retry, Suspect
from gateway.wire.exchange import Answer
from gateway.wire.retry_after import retry_after_s

EXPIRED_TOKEN: Final = "ExpiredProviderToken"  # noqa: S105 - a word of Apple's
TOKEN_UPDATES: Final = "TooManyProviderTokenUpdates"  # noqa: S105 - a word of Apple's
WAIT_S: Final = 60.0
"""After a 429: Apple names no time."""
_YEAR_2100_S: Final = 4_102_444_800

_OF_REASON: Final[dict[str, Outcome]] = {
    # Ours: the same request would be refused for ever.
    **{
        reason: Rejected(reason, alarm=True)
        for reason in (
            "BadCollapseId",
            "BadExpirationDate",
            "BadMessageId",
            "BadPriority",
            "InvalidPushType",
            "DuplicateHeaders",
            "PayloadEmpty",
            "MissingDeviceToken",
            "BadPath",
            "MethodNotAllowed",
        )
    },
    # The device, or a development build registered for production. The other environment is not tried: nothing could
    # remember its success, so that each push would go out twice for ever, and nobody would learn of the wrong setting.
    "BadDeviceToken": Suspect("BadDeviceToken"),
    "DeviceTokenNotForTopic": Suspect("DeviceTokenNotForTopic"),
    # The credential, or what Apple knows of the app.
    **{
        reason: Misconfigured(reason)
        for reason in (
            "BadTopic",
            "MissingTopic",
            "TopicDisallowed",
            EXPIRED_TOKEN,
            "InvalidProviderToken",
            "MissingProviderToken",
            "BadCertificate",
            "BadCertificateEnvironment",
            "Forbidden",
            "UnrelatedKeyIdInToken",
            "BadEnvironmentKeyIdInToken",
            "BadEnvironmentKeyInToken",
        )
    },
    # The connection: Apple closes it, the next one works.
    "IdleTimeout": Retry("IdleTimeout"),
    TOKEN_UPDATES: Retry(TOKEN_UPDATES, after_s=WAIT_S, scope="lane"),
    "PayloadTooLarge": Rejected("too_large"),
}


class Refusal(msgspec.Struct, frozen=True):
    """The JSON of an answer that is no success. `timestamp`: since when the token is dead, in milliseconds."""

    reason: Any = ""
    timestamp: Any = None

    @property
    def at_s(self) -> float | None:
        """`timestamp` as Unix seconds, where it is a time."""
        if isinstance(self.timestamp, bool) or not isinstance(self.timestamp, int | float):
            return None
        return self.timestamp / 1000 if 0 < self.timestamp < _YEAR_2100_S * 1000 else None


def refusal_in(answer: Answer) -> Refusal:
    """What the body says; nothing where it is not Apple's."""
    try:
        said = msgspec.json.decode(answer.body, type=Refusal)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Refusal()
    return said if isinstance(said.reason, str) else Refusal(timestamp=said.timestamp)


def outcome_of(answer: Answer, refusal: Refusal, *, now_s: float) -> Outcome:
    """What an answer means that is no success."""
    known = _OF_REASON.get(refusal.reason)
    if known is not None:
        return known
    wait_s = retry_after_s(answer.headers.get("retry-after"), now_s=now_s)
    match answer.status:
        case 410:
            return Gone("unregistered", refusal.at_s)
        case 403:  # an unknown reason is a new way of refusing the credential: nothing is lost while somebody looks
            return Misconfigured("forbidden")
        case 413:
            return Rejected("too_large")
        case 429:
            return Retry("throttled", after_s=max(wait_s or 0.0, WAIT_S))
        case 503:
            return Retry("unavailable", after_s=wait_s, scope="lane" if wait_s else "push")
        case status if status >= 500:  # noqa: PLR2004 - the class of server faults
            return Retry("server_error", after_s=wait_s)
        case _:
            return Rejected("unknown_answer", alarm=True)
