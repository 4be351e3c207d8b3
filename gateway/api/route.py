"""One line of the URL table: what `routes.py` is made of."""

from typing import Any, Final, Literal

import msgspec

from gateway.model.app import Scope

Kind = Literal["none", "public", "device", "key"]
"""none: anybody, no app. public: a page of the app. device: the device's secret, or a key. key: an API key."""

Replay = Literal["no", "plain", "sealed", "claim"]
"""What an Idempotency-Key does: nothing; the answer is stored; it is stored sealed, as it holds a secret; the message
itself carries the claim."""


class Auth(msgspec.Struct, frozen=True):
    """Who may call: the kind, and the scope that an API key needs where one is sent."""

    kind: Kind
    scope: Scope | None = None

    @property
    def is_cross_origin(self) -> bool:
        """Whether pages of other origins may read the answer."""
        return self.kind in ("public", "device")


OPEN: Final = Auth("none")
PUBLIC: Final = Auth("public")
ENROL: Final = Auth("public", "manage")
DEVICE_READ: Final = Auth("device", "read")
DEVICE_CHANGE: Final = Auth("device", "manage")
SEND: Final = Auth("key", "send")
READ: Final = Auth("key", "read")
TRACK: Final = Auth("device", "send")
MANAGE: Final = Auth("key", "manage")
ADMIN: Final = Auth("key", "admin")


class Query(msgspec.Struct, frozen=True):
    """A query parameter, for the reference."""

    name: str
    text: str
    type: Literal["string", "integer", "boolean"] = "string"
    is_needed: bool = False


class Route(msgspec.Struct, frozen=True):
    """A method and a path, who may call it, what it reads and what it answers.

    handler: an async function from a `Call` to an answer (not named here: calls know their route).
    body_max: bytes of body that are read before the handler runs; 0: none. A stream is read by its handler.
    media, reads: types of the answer and of the request.
    request, answer: the structs of the bodies, for the reference; None where there is no JSON, a tuple where devices
    send another one than servers.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "*"]
    path: str
    handler: Any
    auth: Auth
    group: str
    summary: str
    body_max: int = 0
    request: Any = None
    answer: Any = None
    status: int = 200
    replay: Replay = "no"
    query: tuple[Query, ...] = ()
    media: str = "application/json"
    reads: str = "application/json"
    is_documented: bool = True
