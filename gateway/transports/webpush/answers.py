"""What push services answer, and what that means: for the push, the device, the key, the lane.

Sources: RFC 8030 (sections 5, 8.4), RFC 8292 section 4.2; Mozilla autopush, its documentation of errors and HTTP and,
for what that leaves open, its source; Firebase, Web Push; Apple, "Sending web push notifications in web apps and
browsers" (reasons); Microsoft, WNS request and response headers. What operators found beyond those is told beside it.
"""

import random
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Rejected, Retry, Suspect
from gateway.wire.exchange import Answer
from gateway.wire.retry_after import retry_after_s

WINDOWS: Final = ".notify.windows.com"
_MOZILLA: Final = ".mozilla.com"
_APPLE: Final = ".push.apple.com"
_ACCEPTED: Final = Accepted()

_THROTTLED_DEVICE_S: Final = 60.0
"""For services that throttle one device and name no time."""
_BACK_OFF_S: Final = 120.0
"""What Mozilla's service asks for when it is overloaded; it says so in Retry-After, mostly."""
_AT_ONCE_S: Final = (1.0, 5.0)
"""Mozilla permits to try again at once; all of us in the same moment would be the next overload."""
_TEXT_CHARS_MAX: Final = 200

_OTHER_KEY_WORDS: Final = ("VapidPkHashMismatch", "do not correspond", "does not correspond")
"""Apple's, with a status that differs from report to report, and Google's."""
_REGISTRATION_WORDS: Final = ("UnauthorizedRegistration", "InvalidTokenFormat")
"""Google's: no VAPID, a wrong one, or no subscription of its."""
_TOKEN_WORD: Final = "BadJwtToken"  # noqa: S105 - a word of Apple's
_TOPIC_WORD: Final = "BadWebPushTopic"
_MOZILLA_ROUTER: Final = 108
_MOZILLA_DEVICE_KEYS: Final = (101, 110)
_MOZILLA_BACK_OFF: Final = 201
_MOZILLA_AT_ONCE: Final = 202


class _Said(msgspec.Struct, frozen=True):
    """The JSON of autopush."""

    errno: Any = None


def is_taken(answer: Answer) -> bool:
    """Whether the status says so; Windows has another word in this, see `outcome_of`."""
    return 200 <= answer.status < 300  # noqa: PLR2004 - the class of success


def outcome_of(host: str, answer: Answer, *, now_s: float, dice: random.Random) -> Outcome:
    """What an answer means for the push, the device, the key and the lane.

    Of a success only Windows' headers are read: nobody keeps the ids that others give (`Location`, `apns-id`), and to
    decode them takes longer than to encrypt the message.
    """
    if is_taken(answer):
        return _taken(answer) if host.endswith(WINDOWS) else _ACCEPTED
    wait_s = retry_after_s(answer.headers.get("retry-after"), now_s=now_s)
    match answer.status // 100:
        case 4:
            return _refused(host, answer, wait_s)
        case 3:  # never followed
            return Rejected("redirect", alarm=True)
        case 1:
            return Rejected("unknown_answer", alarm=True)
        case _:
            return _failed(host, answer, wait_s, dice)


def is_topic_refused(host: str, answer: Answer) -> bool:
    """Whether the push would be taken without its Topic, as far as Apple says."""
    return answer.status == 400 and host.endswith(_APPLE) and _TOPIC_WORD in _text_of(answer)  # noqa: PLR2004 - HTTP


def shorter_life_s(answer: Answer, *, asked_s: int) -> int | None:
    """How long the service keeps the push, where that is less than we asked for (RFC 8030 section 5.2)."""
    text = answer.headers.get("ttl", "")
    kept_s = int(text) if text.isascii() and text.isdigit() and len(text) <= len("2147483648") else asked_s
    return kept_s if kept_s < asked_s else None


def is_worth_telling(outcome: Outcome) -> bool:
    """Whether an operator should read the service's own words."""
    return isinstance(outcome, (Misconfigured, Suspect)) or (isinstance(outcome, Rejected) and outcome.alarm)


def words_of(answer: Answer) -> dict[str, str]:
    """What a service says of a refusal, for the log: its body, and headers that only Windows and Apple have."""
    named = {"said": _text_of(answer)} | {
        name.replace("-", "_"): value
        for name, value in answer.headers.items()
        if name.startswith("x-wns-") or name in {"ms-cv", "apns-id"}
    }
    return {name: value[:_TEXT_CHARS_MAX] for name, value in named.items()}


def _text_of(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace")


def _taken(answer: Answer) -> Outcome:
    """By Windows only if its own header agrees: it says 2xx of what it drops, too."""
    said = _windows_status(answer.headers)
    return _ACCEPTED if said in ("", "received") else Retry("throttled", after_s=_THROTTLED_DEVICE_S)


def _windows_status(headers: Mapping[str, str]) -> str:
    return (headers.get("x-wns-status") or headers.get("x-wns-notificationstatus") or "").lower()


def _refused(host: str, answer: Answer, wait_s: float | None) -> Outcome:
    text = _text_of(answer)
    if any(word in text for word in _OTHER_KEY_WORDS):
        return Suspect("vapid_refused")
    match answer.status:
        case 404 | 410:
            return _gone(answer, text)
        case 401 | 403:
            # Apple's word is about our token, whoever the device is; the rest may be about the device as well.
            return Misconfigured("vapid_refused") if _TOKEN_WORD in text else Suspect("vapid_refused")
        case 400:
            return _bad_request(host, answer, text)
        case 413:
            return Rejected("too_large")
        case 429 if host.endswith(_APPLE):
            return Retry("throttled", after_s=max(wait_s or 0.0, _THROTTLED_DEVICE_S))
        case 429 | 406:  # 406 is how Windows says it
            return Retry("throttled", after_s=wait_s, scope="lane")
        case _:
            return Rejected("unknown_answer", alarm=True)


def _failed(host: str, answer: Answer, wait_s: float | None, dice: random.Random) -> Outcome:
    if answer.status != 503:  # noqa: PLR2004 - HTTP
        return Retry("server_error", after_s=wait_s)
    errno = _errno(answer) if host.endswith(_MOZILLA) else None
    if errno == _MOZILLA_AT_ONCE and not wait_s:
        return Retry("unavailable", after_s=dice.uniform(*_AT_ONCE_S))
    if errno == _MOZILLA_BACK_OFF:
        return Retry("unavailable", after_s=wait_s or _BACK_OFF_S, scope="lane")
    return Retry("unavailable", after_s=wait_s, scope="lane" if wait_s else "push")


def _gone(answer: Answer, text: str) -> Outcome:
    """404 and 410 both occur for an expired subscription; Windows also says 410 to a sender it has blocked."""
    described = answer.headers.get("x-wns-error-description", "") + text
    return Misconfigured("blocked") if "domain blocked" in described.lower() else Gone("unsubscribed")


def _bad_request(host: str, answer: Answer, text: str) -> Outcome:
    """Mostly a fault of ours, and then an alarm."""
    if _TOKEN_WORD in text:
        return Misconfigured("vapid_refused")
    if any(word in text for word in _REGISTRATION_WORDS):
        return Suspect("registration_refused")
    errno = _errno(answer) if host.endswith(_MOZILLA) else None
    if errno == _MOZILLA_ROUTER:
        return Gone("router_type")
    if errno in _MOZILLA_DEVICE_KEYS:
        # The keys are the device's, or our encryption is at fault for everybody: counted like a refused key.
        return Suspect("device_keys_refused")
    return Rejected("request_refused", alarm=True)


def _errno(answer: Answer) -> int | None:
    try:
        errno = msgspec.json.decode(answer.body, type=_Said).errno
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return errno if isinstance(errno, int) else None
