"""Commands and events over a websocket, as both WebDriver BiDi and the DevTools protocol have them."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import aiohttp
import msgspec

from e2e.drivers.browser import BrowserGoneError

_FRAME_BYTES_MAX = 64 * 1024 * 1024
_COMMAND_S = 60.0


class CommandError(Exception):
    """The browser refused a command."""


class Rpc:
    """One connection. Answers find their command by id; everything else goes to `on_event`."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None]) -> None:
        self._on_event = on_event
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None

    async def connect(self, url: str) -> None:
        """Open the connection."""
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(url, max_msg_size=_FRAME_BYTES_MAX)
        self._reader = asyncio.create_task(self._read(self._socket))

    async def call(self, method: str, params: dict[str, Any] | None = None, **extra: Any) -> dict[str, Any]:
        """The result of one command. Raises CommandError, BrowserGoneError."""
        if self._socket is None or self._socket.closed:
            raise BrowserGoneError(method)
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            command = {"id": number, "method": method, "params": params or {}, **extra}
            await self._socket.send_str(msgspec.json.encode(command).decode())
            async with asyncio.timeout(_COMMAND_S):
                said = await answer
        finally:
            self._waiting.pop(number, None)
        if "error" in said:
            raise CommandError(f"{method}: {said.get('message') or said['error']}")
        return said.get("result", {})

    async def close(self) -> None:
        """Hang up."""
        if self._reader is not None:
            self._reader.cancel()
        if self._socket is not None:
            await self._socket.close()
        if self._http is not None:
            await self._http.close()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                break
            said = msgspec.json.decode(frame.data)
            waiting = self._waiting.get(said.get("id"))
            if waiting is None:
                self._on_event(said)
            elif not waiting.done():
                waiting.set_result(said)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(BrowserGoneError("the browser hung up"))
