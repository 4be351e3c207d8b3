"""Is it the device, or is it our key?

Some refusals fit both: an app whose key was exchanged by mistake gets from every device the answer that a single dead
device gives. Dropping devices on such an answer would wipe out an app's subscribers by one wrong setting. So a
credential is judged by its last answers, and a device only by two such answers an hour apart, from a credential that
works.

Anybody may register addresses that get such answers, a thousand of them. So it is asked who says so
(`policy.inquiry`), and what strangers say stops nothing, though nobody is dropped meanwhile either.
"""

from collections import deque
from datetime import datetime
from enum import Enum

from gateway.model.limits import AMBIGUOUS_ANSWERS_MIN, AMBIGUOUS_SHARE_MAX, AMBIGUOUS_WINDOW, SUSPECT_GAP_S


class Verdict(Enum):
    """What a doubtful answer most likely means."""

    UNKNOWN = "too few answers to tell"
    CREDENTIAL = "the credential is at fault"
    DEVICE = "the device is at fault"


class CredentialHealth:
    """The last answers of one credential, good ones and doubtful ones."""

    def __init__(self) -> None:
        self._answers: deque[bool] = deque(maxlen=AMBIGUOUS_WINDOW)
        self._doubtful = 0
        self._unheard = 0
        self._patience = AMBIGUOUS_ANSWERS_MIN

    def record(self, *, is_doubtful: bool) -> None:
        """Takes note of one answer."""
        if len(self._answers) == AMBIGUOUS_WINDOW:
            self._doubtful -= self._answers[0]
        self._answers.append(is_doubtful)
        self._doubtful += is_doubtful
        self._unheard += is_doubtful

    def reset(self) -> None:
        """Forgets, after the credential was mended."""
        self._answers.clear()
        self._doubtful = self._unheard = 0
        self._patience = AMBIGUOUS_ANSWERS_MIN

    def excuse(self) -> None:
        """Those who doubted were strangers: it takes twice as many more to speak of the credential again."""
        self._unheard = 0
        self._patience = min(self._patience * 2, AMBIGUOUS_WINDOW)

    @property
    def has_worked(self) -> bool:
        """Whether any of the last answers was a good one."""
        return self._doubtful < len(self._answers)

    @property
    def verdict(self) -> Verdict:
        """What the answers say together."""
        seen = len(self._answers)
        if self._doubtful >= AMBIGUOUS_ANSWERS_MIN and self._doubtful > seen * AMBIGUOUS_SHARE_MAX:
            return Verdict.CREDENTIAL if self._unheard >= self._patience else Verdict.UNKNOWN
        if self._doubtful < seen and self._doubtful <= max(1, seen * AMBIGUOUS_SHARE_MAX):
            return Verdict.DEVICE
        return Verdict.UNKNOWN


def is_gone(*, suspect_at: datetime | None, now: datetime, verdict: Verdict) -> bool:
    """Whether a device that got a doubtful answer again is to be dropped."""
    if suspect_at is None or verdict is not Verdict.DEVICE:
        return False
    return (now - suspect_at).total_seconds() >= SUSPECT_GAP_S
