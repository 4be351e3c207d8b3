"""Which request goes where: the one URL table of the sandbox, and under which names it answers at all.

Requests under other names are refused (421): an endpoint's origin is part of what VAPID signs, and a page that
rebinds its own name to loopback must not steer the sandbox.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from gateway.sandbox.answers import send
from gateway.sandbox.authority import GOOGLE_NAMES, PUSH_NAMES
from gateway.sandbox.autopush import Autopush
from gateway.sandbox.exchange import Asked, Reply, Serve
from gateway.sandbox.gcm import Gcm
from gateway.sandbox.rules import NOT_FOUND, Refusal
from gateway.sandbox.webpush import PushService, refuse

PUSH_PATH: Final = "/wpush/v2/"
CHECKIN_PATH: Final = "/gcm/checkin"
REGISTER_PATH: Final = "/gcm/register3"
_PUSH_PATHS: Final = (PUSH_PATH, "/fcm/send/", "/wp/")
_GOOGLE_PATHS: Final = ("/v1/projects/", "/token")
_MESSAGE_PATH: Final = "/m/"
_CONTROL_PATH: Final = "/sandbox"
_FORM_BYTES_MAX: Final = 64 * 1024
_WRONG_HOST: Final = Refusal(status=421, errno=102, message="This sandbox does not answer under that name.")
_WRONG_METHOD: Final = Refusal(status=405, errno=102, message="Endpoints take POST, message resources DELETE.")
_FOREIGN_PAGE: Final = Refusal(status=403, errno=109, message="Web pages of other origins may not steer the sandbox.")

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Routes:
    """Hands each request to the part that answers it."""

    def __init__(self, *, push: PushService, fcm: Serve, autopush: Autopush, gcm: Gcm, control: Answer) -> None:
        """The parts; no name is answered under before `answer_as`."""
        self._push = push
        self._fcm = fcm
        self._autopush = autopush
        self._gcm = gcm
        self._control = control
        self._origins: dict[tuple[bool, str], str] = {}

    def answer_as(self, *, plain: set[str], tls: set[str]) -> None:
        """The Host headers that are ours, on the plain and on the TLS port."""
        tls = tls | set(PUSH_NAMES) | set(GOOGLE_NAMES)
        self._origins = {(False, host): f"http://{host}" for host in plain}
        self._origins |= {(True, host): f"https://{host}" for host in tls}

    async def plain(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer on the plain port."""
        return await self._dispatch(request, is_tls=False)

    async def tls(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer on the TLS port, in HTTP/1.1."""
        return await self._dispatch(request, is_tls=True)

    async def tls_http2(self, asked: Asked) -> Reply:
        """Answer on the TLS port, in HTTP/2: what application servers ask for, and nothing else."""
        origin = self._origins.get((True, asked.host))
        if origin is None:
            return refuse(_WRONG_HOST)
        service = self._service(asked.path)
        return refuse(NOT_FOUND) if service is None else await service(asked, origin)

    async def _dispatch(self, request: web.BaseRequest, *, is_tls: bool) -> web.StreamResponse:
        host = request.headers.get("Host", "").lower()
        origin = self._origins.get((is_tls, host))
        if origin is None:
            return await send(request, refuse(_WRONG_HOST))
        path = request.path
        if (service := self._service(path)) is not None:
            return await send(request, await service(await _asked(request, host, path), origin))
        if path.startswith(_CONTROL_PATH):
            return await self._steer(request, origin)
        return await self._browser(request, path)

    def _service(self, path: str) -> Callable[[Asked, str], Awaitable[Reply]] | None:
        """What application servers talk to, by path; first, for speed."""
        if path.startswith(_PUSH_PATHS):
            return self._post
        if path.startswith(_GOOGLE_PATHS):
            return self._google
        return self._withdraw if path.startswith(_MESSAGE_PATH) else None

    async def _post(self, asked: Asked, origin: str) -> Reply:
        if asked.method != "POST":
            return refuse(_WRONG_METHOD)
        prefix = next(prefix for prefix in _PUSH_PATHS if asked.path.startswith(prefix))
        return await self._push.post(asked, asked.path[len(prefix) :], origin=origin)

    async def _google(self, asked: Asked, _origin: str) -> Reply:
        return await self._fcm(asked)

    async def _withdraw(self, asked: Asked, _origin: str) -> Reply:
        version = asked.path.removeprefix(_MESSAGE_PATH)
        return self._push.withdraw(version) if asked.method == "DELETE" else refuse(_WRONG_METHOD)

    async def _steer(self, request: web.BaseRequest, origin: str) -> web.StreamResponse:
        if request.headers.get("Origin", origin) != origin:
            return await send(request, refuse(_FOREIGN_PAGE))
        return await self._control(request)

    async def _browser(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """What browsers themselves ask for."""
        if path == "/" and "Upgrade" in request.headers:
            return await self._autopush.serve(request)
        if path == CHECKIN_PATH:
            return self._gcm.checkin()
        if path == REGISTER_PATH and (request.content_length or 0) <= _FORM_BYTES_MAX:
            return self._gcm.register(await request.post())
        return await send(request, refuse(NOT_FOUND))


async def _asked(request: web.BaseRequest, host: str, path: str) -> Asked:
    return Asked(method=request.method, host=host, path=path, headers=request.headers, body=await request.read())
