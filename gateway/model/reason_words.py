"""What became of one recipient, in a sentence for whoever asks "why did I (not) get it?"."""

from typing import Final

_OF_STATE: Final[dict[str, str]] = {
    "sent": "The push service took it.",
    "failed": "The push service, or the gateway itself, refused it for good.",
    "gone": "The push service said that this device is not reachable any more.",
    "expired": "Its time ran out before it could go out.",
    "cancelled": "The message was cancelled before its turn.",
    "skipped": "It was left out before any try.",
    "pending": "Its turn is still to come.",
    "none": "This device was never meant to get the message.",
}
_OF_REASON: Final[dict[str, str]] = {
    "left": "The device had left, or was not reachable any more, when its turn came.",
    "capped": "They had as many messages as the frequency caps allow.",
    "quiet": "It is night where this device is, or was when the message said not to wait.",
    "holdout": "They are in a control group, which gets no marketing.",
    "excluded": "When its turn came, they were among those whom the message excludes.",
    "coupon": "There was no coupon code left.",
    "template": "The text could not be made for them.",
    "late": "Their hour had passed when the message was planned.",
    "own_pause": "They asked for a pause from marketing, and it is not over.",
    "channel_off": "They want no marketing by this channel.",
    "local_time": "It waits for the message's hour where they are.",
    "best_time": "It waits for the hour at which they are usually there.",
    "throttled": "It waits because the message goes out slowly, as it was told to.",
    "experiment": "They wait for the variant that wins on the share that tries them.",
    "retrying": "It was tried and waits for another try.",
    "not_reached": "They are in the audience, and their turn has not come.",
    "not_planned": "The message has not been planned yet.",
    "paused": "The message is paused.",
    "cancelled": "The message was cancelled before its turn.",
    "not_in_audience": "This device is not in the message's audience.",
    "enrolled_later": "The device enrolled after the message was planned.",
    "ended": "The device has left, or is not reachable any more.",
    "rejected": "The push service refused this message for good.",
    "too_large": "The message is too large for this device.",
    "key_material": "The keys of the device cannot be used.",
    "attempts_used_up": "It was tried as often as a message is, without an answer that lasts.",
    "credential": "The app's key at the push service did not work for this device.",
    "endpoint_refused": "The address of the device is not one that the gateway sends to.",
    "internal": "The gateway made a mistake; its log has it.",
    "held": "It was held back, by the night or by caps, until its time had run out.",
}


def sentence(state: str, reason: str | None) -> str:
    """The sentence for a state, or for its reason where that says more."""
    if reason is not None and reason in _OF_REASON:
        return _OF_REASON[reason]
    return _OF_STATE.get(state, state)
