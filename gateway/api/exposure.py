"""Secret keys in the wrong hands: a page or an app that carries one gives it to everybody who looks.

Such a call is refused although the key is good, and its answer says what to do: a developer sees it at the first try,
before anything is published. Pages are known by their Origin. Apps are known by the name that the HTTP clients of iOS
(`CFNetwork/... Darwin/...`) and Android (`Dalvik/...`) give themselves: an app that goes by another name is not caught.
"""

import re
from typing import Final

from gateway.api.call import Call
from gateway.model.errors import GatewayError
from gateway.tenancy.api_keys import SECRET_PREFIX

_PHONE: Final = re.compile(r"(?:^Dalvik/|\bCFNetwork/)")


def check_not_exposed(call: Call) -> None:
    """Raises 403 for a secret key in a call that comes from a page or a phone, or that no server has a reason for."""
    if not call.brings(SECRET_PREFIX):
        return
    is_servers = call.route.auth.scope is not None
    if not (is_servers and call.origin is None) or _is_phone(call):
        raise _exposed()


def check_no_phone(call: Call) -> None:
    """Raises 403 for a secret key that a phone brings to a call of servers. Pages are stopped by their preflight."""
    if call.brings(SECRET_PREFIX) and _is_phone(call):
        raise _exposed()


def _is_phone(call: Call) -> bool:
    return _PHONE.search(call.request.headers.get("User-Agent", "")) is not None


def _exposed() -> GatewayError:
    return GatewayError(
        "key_exposed",
        "This is a secret key, sent from a page or an app: everybody who has that can read it and send to your "
        "subscribers. Rotate it now: make another, then revoke this one. Pages need no key; apps take a publishable "
        "one (stpl_pk_...) to register, then the device's own secret.",
        kind="permission",
    )
