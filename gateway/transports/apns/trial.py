"""Whether Apple takes a credential, without a device: `steeple keys check`.

Apple has no call for that. It judges the sender before the device, though (Apple, "Handling notification responses from
APNs"): to a device token that it never gave out it answers BadDeviceToken if it takes the credential, and a 403 if it
does not. The push is a background one without content, to be kept for nobody: nothing could be seen even of a hit.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Rejected, Retry, Suspect
from gateway.transports.apns.credential import BUNDLE_ID, ENVIRONMENTS, Access
from gateway.transports.apns.fields import TOPIC_ENDINGS, PushType

PAYLOAD: Final = b'{"aps":{"content-available":1}}'
TOKEN: Final = hashlib.sha256(b"a device that does not exist").hexdigest()
"""Always the same one: whoever counts bad tokens counts one."""
_TRIALS_MAX: Final = 20
"""Apps times environments of one credential; a team has rarely more than a few."""

_SENTENCES: Final = {
    "InvalidProviderToken": (
        "Apple does not take this key: the key id or the team id do not belong to the .p8 file, or the key was revoked."
    ),
    "ExpiredProviderToken": "Apple takes a fresh token for an old one: the clock of the database is far behind.",
    "TopicDisallowed": "Apple does not let this credential send to it: is the bundle id right, and of this team?",
    "BadTopic": "Apple knows no such bundle id.",
    "BadEnvironmentKeyIdInToken": "The key was made for the other environment only.",
    "BadEnvironmentKeyInToken": "The key was made for the other environment only.",
    "UnrelatedKeyIdInToken": "Apple has another key under this key id.",
    "BadCertificate": "Apple does not take this certificate: it was revoked, or is none for pushes.",
    "BadCertificateEnvironment": "The certificate was made for the other environment only.",
    "certificate_expired": "The certificate has expired: bring its successor.",
    "tls": "No safe connection: Apple refused the certificate, or somebody stands between.",
    "credential_unreadable": "What is stored is no credential for Apple's push service.",
}


def trials_of(access: Access) -> Iterator[tuple[str, str, PushType]]:
    """What to try: bundle id, environment, type of push; the first twenty."""
    pairs = ((topic, env) for topic in sorted(access.topics) for env in ENVIRONMENTS if env in access.environments)
    for (topic, environment), _ in zip(pairs, range(_TRIALS_MAX), strict=False):
        bundle_id, push_type = _split(topic, access)
        if BUNDLE_ID.fullmatch(bundle_id) is not None:
            yield bundle_id, environment, push_type


def _split(topic: str, access: Access) -> tuple[str, PushType]:
    """A certificate has topics of its own for some types of push."""
    if access.signing is None:
        for push_type, ending in TOPIC_ENDINGS.items():
            if ending and topic.endswith(ending):
                return topic.removesuffix(ending), push_type
    return topic, "background"


def problem_in(outcome: Outcome) -> str | None:
    """What the answer says against the credential; None where Apple minded the device alone."""
    match outcome:
        case Accepted() | Suspect() | Gone():
            return None
        case Misconfigured(reason):
            return _SENTENCES.get(reason, f"Apple refuses it: {reason}.")
        case Retry(reason):
            return f"Apple could not be asked now ({reason}): try again later."
        case Rejected(reason):
            return f"Apple could not be asked ({reason})."
