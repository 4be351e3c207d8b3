"""The two phones of the demo: played by the sandbox, known to the gateway by credentials that outlive one demo.

The gateway's database stays from one demo to the next, and so must the keys in it: they lie beside it, for the owner
alone, and each new sandbox is taught them.
"""

import os
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.demo.phones import Note, PhoneShown
from gateway.sandbox import Sandbox
from gateway.sandbox.phones import Phone, Shown
from gateway.sandbox.rehearsal import Handed, hand_out, import_line, teach

_BUNDLE_ID: Final = "example.bell-and-bean"
_PROJECT: Final = "bell-and-bean"
_FILE: Final = "rehearsal-keys.json"
_NOTES_MAX: Final = 4
"""As many as fit a screen."""


class Phones:
    """An iPhone and an Android that follow the shop. `gateway.demo.phones.PhonesShown` for its page."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        """Makes them. `folder`: where the credentials are kept."""
        self._sandbox = sandbox
        self._handed = _kept(sandbox, folder / _FILE)
        self._phones = [
            sandbox.phones.make("ios", self._handed.bundle_id),
            sandbox.phones.make("android", self._handed.project),
        ]

    def credentials(self) -> dict[str, str]:
        """What the app must be given, by provider."""
        return self._handed.by_provider()

    def import_lines(self, *, user_prefix: str) -> list[msgspec.Struct]:
        """Both phones, as the gateway imports them."""
        return [import_line(phone, user=f"{user_prefix}{phone.platform}") for phone in self._phones]

    def shown(self) -> list[PhoneShown]:
        """What stands on their screens."""
        return [
            PhoneShown(
                id=phone.id,
                platform=phone.platform,
                is_online=phone.is_online,
                waiting=len(phone.kept),
                notes=_notes(phone),
            )
            for phone in self._phones
        ]

    def set_online(self, phone_id: str, *, is_online: bool) -> None:
        """Give a phone its network or take it.

        Raises:
            LookupError: there is no such phone.
        """
        phone = next((one for one in self._phones if one.id == phone_id), None)
        if phone is None:
            raise LookupError(phone_id)
        self._sandbox.phones.set_online(phone, is_online=is_online)


def _kept(sandbox: Sandbox, path: Path) -> Handed:
    """The credentials of the last demo, or new ones."""
    try:
        handed = msgspec.json.decode(path.read_bytes(), type=Handed)
        teach(sandbox, handed)
    except (FileNotFoundError, msgspec.DecodeError, LookupError, ValueError):
        handed = hand_out(sandbox, bundle_id=_BUNDLE_ID, project=_PROJECT)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(handed))
    return handed


def _notes(phone: Phone) -> list[Note]:
    newest = list(reversed(phone.shown))[:_NOTES_MAX]
    return [_note(shown, _text_of(shown.payload, phone)) for shown in newest]


def _note(shown: Shown, text: dict[str, Any]) -> Note:
    return Note(id=shown.id, title=str(text.get("title", "")), body=str(text.get("body", "")), at=shown.at)


def _text_of(payload: dict[str, Any], phone: Phone) -> dict[str, Any]:
    """Title and body, where each system looks for them."""
    if phone.platform == "android":
        return payload.get("notification", {})
    alert = payload["aps"].get("alert", {})
    return alert if isinstance(alert, dict) else {"body": alert}
