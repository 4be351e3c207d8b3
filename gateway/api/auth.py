"""Keys and scopes, by the line of the URL table."""

from typing import Final

from gateway.api.call import Call
from gateway.model.app import ApiKey, Scope
from gateway.model.errors import GatewayError

KEY_PREFIX: Final = "stpl_sk_"


async def admit(call: Call) -> None:
    """Checks who calls, as the route demands. Public and device calls are checked by their handlers."""
    match call.route.auth.kind:
        case "none" | "public":
            return
        case "key":
            await enter_with_key(call)
        case "device":
            token = call.bearer
            if token is not None and token.startswith(KEY_PREFIX):
                await enter_with_key(call)


async def enter_with_key(call: Call) -> None:
    """Sets the call's key and app. Raises 401 without a live key, 403 without the scope, 429."""
    token = call.bearer
    if token is None:
        raise GatewayError(
            "key_missing", "Send an API key as `Authorization: Bearer stpl_sk_...`.", kind="authentication"
        )
    call.gate.check_stranger(call.address)
    try:
        key = await call.services.api_keys.check(token, now=call.now())
    except GatewayError as fault:
        if fault.kind == "authentication":
            call.gate.note_stranger(call.address)
        raise
    call.gate.take_for_key(key.id)
    check_scope(key, call.route.auth.scope)
    call.key = key
    if key.app_id is not None:
        call.app = await call.services.keyring.app_by_id(key.app_id)


def check_scope(key: ApiKey, scope: Scope | None) -> None:
    """Raises 403 unless the key has the scope. `admin` is the installation's and includes the others."""
    if scope is None or scope in key.scopes or ("admin" in key.scopes and key.app_id is None):
        return
    raise GatewayError("scope_missing", f"This call needs a key with the scope `{scope}`.", kind="permission")
