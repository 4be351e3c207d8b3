"""A desktop for notifications: a private D-Bus daemon and on it a fake org.freedesktop.Notifications.

Browsers believe that it shows what they hand over; tests read it there, and click or dismiss like a person.
Source: the Desktop Notifications Specification 1.3 (freedesktop.org).
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from e2e.drivers.browser import WAIT_S, until

_NAME: Final = "org.freedesktop.Notifications"
_PATH: Final = "/org/freedesktop/Notifications"
_DISMISSED: Final = 2
_CLOSED_BY_CALL: Final = 3
_CAPABILITIES: Final = ["actions", "body", "icon-static", "persistence"]


class Shown:
    """One notification on the desktop."""

    def __init__(self, desktop: "NotificationDaemon", number: int, notify: list[Any]) -> None:
        self._desktop = desktop
        self.number = number
        self.is_open = True
        self.app: str = notify[0]
        self.title: str = notify[3]
        self.body: str = notify[4]
        """Chromium puts the site's name in front."""
        pairs: list[str] = notify[5]
        self.actions: dict[str, str] = dict(zip(pairs[1::2], pairs[0::2], strict=True))
        """Label to key."""
        self.hints: dict[str, Any] = {key: variant.value for key, variant in notify[6].items()}
        self.expire_ms: int = notify[7]
        """-1: as the desktop likes; 0: never."""

    async def click(self, action: str | None = None) -> None:
        """Click the notification, or the action button with that label."""
        await self._desktop.signal("ActionInvoked", "us", [self.number, self.actions[action] if action else "default"])

    async def dismiss(self) -> None:
        """Close it unread."""
        self.is_open = False
        await self._desktop.signal("NotificationClosed", "uu", [self.number, _DISMISSED])


class NotificationDaemon:
    """The desktop. `address` goes into DBUS_SESSION_BUS_ADDRESS of the browsers."""

    def __init__(self, directory: Path) -> None:
        self.address = f"unix:path={directory / 'bus'}"
        self.shown: list[Shown] = []
        """Everything ever shown, the oldest first, replaced ones too."""
        self._numbers = 0
        self._process: asyncio.subprocess.Process | None = None
        self._bus: MessageBus | None = None

    async def start(self) -> None:
        """Start the daemon and take the name."""
        self._process = await asyncio.create_subprocess_exec(
            "dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={self.address}",
            stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        bus: MessageBus = await until(self._connect, what="dbus-daemon listening")
        bus.add_message_handler(self._answer)
        await bus.request_name(_NAME)
        self._bus = bus

    async def stop(self) -> None:
        """Leave the bus and end the daemon."""
        if self._bus is not None:
            self._bus.disconnect()
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            await self._process.wait()

    async def wait_for(
        self, title: str | None = None, *, where: Callable[[Shown], bool] = lambda _: True, timeout_s: float = WAIT_S
    ) -> Shown:
        """The newest open notification of that title."""

        async def newest() -> Shown | None:
            fitting = (one for one in reversed(self.shown) if one.is_open and title in (None, one.title) and where(one))
            return next(fitting, None)

        return await until(
            newest, what=f"a notification {title!r}; there are {[s.title for s in self.shown]}", timeout_s=timeout_s
        )

    async def signal(self, member: str, signature: str, body: list[Any]) -> None:
        """Tell the browsers."""
        assert self._bus is not None
        await self._bus.send(Message.new_signal(_PATH, _NAME, member, signature, body))

    async def _connect(self) -> MessageBus | None:
        with suppress(OSError):
            return await MessageBus(bus_address=self.address).connect()
        return None

    def _answer(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL or message.interface != _NAME:
            return None
        match message.member:
            case "GetCapabilities":
                return Message.new_method_return(message, "as", [_CAPABILITIES])
            case "GetServerInformation":
                return Message.new_method_return(message, "ssss", ["steeple-tests", "steeple", "1", "1.2"])
            case "Notify":
                return Message.new_method_return(message, "u", [self._notify(message.body)])
            case "CloseNotification":
                self._close(message.body[0])
                return Message.new_method_return(message)
            case _:
                return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "no such method")

    def _notify(self, notify: list[Any]) -> int:
        replaced: int = notify[1]
        for one in self.shown:
            one.is_open = one.is_open and one.number != replaced
        if not replaced:
            self._numbers += 1
        shown = Shown(self, replaced or self._numbers, notify)
        self.shown.append(shown)
        return shown.number

    def _close(self, number: int) -> None:
        for one in self.shown:
            one.is_open = one.is_open and one.number != number
        assert self._bus is not None
        self._bus.send(Message.new_signal(_PATH, _NAME, "NotificationClosed", "uu", [number, _CLOSED_BY_CALL]))
