"""Whether Google takes a service account, without a device: `steeple keys check`.

An access token alone would prove little: Google gives one to every account that exists. Whether the API is switched on
in the project, and whether the account may send there, is seen only where messages are sent. So a message is sent with
`validate_only` (Firebase, "Method: projects.messages.send": checked, not delivered), to a topic that nobody follows,
since there is no device token that fits every project.
"""

from typing import Final

from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Rejected, Retry, Suspect

BODY: Final = b'{"validate_only":true,"message":{"topic":"steeple-check","data":{"steeple":"check"}}}'

_SENTENCES: Final = {
    "account_refused": "Google gives this account no access: its key was deleted, or the account is disabled.",
    "clock_wrong": "Google finds the time wrong: set the clock of the database's machine by NTP.",
    "credential_refused": "Google does not take the access that this account gets.",
    "permission_denied": (
        "The account may not send in this project: give it the role Firebase Cloud Messaging API Admin, and switch the "
        "Firebase Cloud Messaging API (V1) on."
    ),
    "tls": "No safe connection to Google: somebody stands between, or the list of certificate authorities is old.",
    "endpoint_refused": "Google's hosts are not among those that this gateway may contact.",
}


def problem_in(outcome: Outcome) -> str | None:
    """What the answer says against the account; None where it may send."""
    match outcome:
        case Accepted():
            return None
        case Misconfigured(reason):
            return _SENTENCES.get(reason, f"Google refuses it: {reason}.")
        case Retry(reason):
            return f"Google could not be asked now ({reason}): try again later."
        case Rejected(reason) | Suspect(reason) | Gone(reason):
            return f"Google does not let it send ({reason}): does the project still exist?"
