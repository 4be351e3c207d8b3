"""What a gateway needs to reach the sandbox's phones beside real browsers: settings, credentials, import lines.

Redirecting whole push services, as `Sandbox.egress_settings` does, would cut off the browsers of people who watch a
demo: theirs are Google's and Mozilla's real ones. Here only what serves apps is found in the sandbox.
"""

from typing import Any, Final, Protocol

import msgspec

from gateway.sandbox.apple_senders import Senders
from gateway.sandbox.authority import APPLE_NAMES, GOOGLE_NAMES
from gateway.sandbox.control_apps import PhoneLine
from gateway.sandbox.google_accounts import GoogleAccounts
from gateway.sandbox.phones import Phone

_TLS_PORT: Final = 443


class Rehearsed(Protocol):
    """What this needs of a sandbox that has started."""

    port: int
    tls_port: int
    apns_port: int
    ca_path: Any

    @property
    def senders(self) -> Senders:
        """Who may send to Apple's."""
        ...

    @property
    def accounts(self) -> GoogleAccounts:
        """Who may send to Google's."""
        ...


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials that the sandbox handed out, to be kept for its next start. Secret."""

    bundle_id: str
    project: str
    key: dict[str, Any]
    account: dict[str, Any]

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Handed({self.bundle_id}, {self.project})"

    def by_provider(self) -> dict[str, str]:
        """Each provider's credential, as the gateway takes it."""
        return {name: msgspec.json.encode(raw).decode() for name, raw in (("apns", self.key), ("fcm", self.account))}


def hand_out(sandbox: Rehearsed, *, bundle_id: str, project: str) -> Handed:
    """Fresh credentials for one app."""
    key = sandbox.senders.make_key(bundles=[bundle_id])
    raw = {"p8": key.p8, "key_id": key.key_id, "team_id": key.team_id, "bundle_ids": [bundle_id]}
    return Handed(bundle_id=bundle_id, project=project, key=raw, account=sandbox.accounts.make(project))


def teach(sandbox: Rehearsed, handed: Handed) -> None:
    """Let a new sandbox accept what an earlier one handed out."""
    key = handed.key
    sandbox.senders.learn_key(key["key_id"], key["team_id"], key["p8"], bundles=key["bundle_ids"])
    sandbox.accounts.learn(handed.account)


def gateway_settings(sandbox: Rehearsed) -> dict[str, Any]:
    """Settings of a gateway whose apps' push services, and virtual browsers, are the sandbox's."""
    found_at = dict.fromkeys(APPLE_NAMES, sandbox.apns_port) | dict.fromkeys(GOOGLE_NAMES, sandbox.tls_port)
    return {
        "sandbox": True,
        "egress_allow": f"localhost:{sandbox.port},localhost:{sandbox.tls_port}",
        "egress_resolve": ",".join(f"{name}:{_TLS_PORT}=127.0.0.1:{port}" for name, port in found_at.items()),
        "egress_ca": str(sandbox.ca_path),
        "providers": {"fcm": {"base_url": f"https://localhost:{sandbox.tls_port}"}},
    }


def import_line(phone: Phone, *, user: str) -> PhoneLine:
    """A phone, as a gateway imports it."""
    is_apple = phone.home.service == "apns"
    return PhoneLine(
        channel=phone.home.service,
        token=phone.token,
        environment=phone.home.environment if is_apple else None,
        bundle_id=phone.home.owner if is_apple else None,
        user=user,
    )
