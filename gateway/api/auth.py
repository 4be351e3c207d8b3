"""Keys and scopes, by the line of the URL table."""

from gateway.api.call import Call
from gateway.api.exposure import check_no_phone, check_not_exposed
from gateway.model.app import ApiKey, App, Scope
from gateway.model.errors import GatewayError, NotFound
from gateway.model.ids import from_text
from gateway.tenancy.api_keys import PUBLISHABLE_PREFIX, SECRET_PREFIX


async def admit(call: Call) -> None:
    """Checks who calls, as the route demands. Public and device calls are checked by their handlers."""
    match call.route.auth.kind:
        case "none":
            return
        case "public":
            check_not_exposed(call)
        case "key":
            check_no_phone(call)
            await enter_with_key(call)
        case "device":
            check_not_exposed(call)
            if call.brings(SECRET_PREFIX):
                await enter_with_key(call)


async def enter_with_key(call: Call) -> None:
    """Sets the call's key and app. Raises 401 without a live key, 403 without the scope, 429."""
    token = call.bearer
    if token is None:
        raise GatewayError(
            "key_missing", "Send an API key as `Authorization: Bearer stpl_sk_...`.", kind="authentication"
        )
    if token.startswith(PUBLISHABLE_PREFIX):
        raise GatewayError(
            "key_publishable",
            "A publishable key registers devices and opens nothing else: this call needs a secret key (stpl_sk_...), "
            "kept on your server.",
            kind="permission",
        )
    key = await _checked(call, token)
    check_scope(key, call.route.auth.scope)
    call.key = key
    if key.app_id is not None:
        call.app = await call.services.keyring.app_by_id(key.app_id)


async def enter_with_publishable(call: Call, named: str | None) -> App:
    """The app of a publishable key, for a native app that enrols its own device. It makes the caller nobody's server.

    `named` is the app in the body. Raises 401 without a live key, 404 for another app, 403 for a page of a foreign
    origin, 429 by address and app, then by key: one address that floods uses up its own share, not everybody's.
    """
    key = await _known(call, call.bearer or "")
    assert key.app_id is not None, "such keys are an app's"
    app = await call.services.keyring.app_by_id(key.app_id)
    if named and from_text("app", named) != app.public_id:
        raise NotFound("app", param="app")
    call.admit_to(app)
    call.gate.take_for_key(key.id)
    return app


async def count_publishable(call: Call) -> None:
    """Counts a call that needs no key against the publishable key that it brings. Raises 401, 429."""
    await _checked(call, call.bearer or "")


async def _checked(call: Call, token: str) -> ApiKey:
    key = await _known(call, token)
    call.gate.take_for_key(key.id)
    return key


async def _known(call: Call, token: str) -> ApiKey:
    call.gate.check_stranger(call.address)
    try:
        return await call.services.api_keys.check(token, now=call.now())
    except GatewayError as fault:
        if fault.kind == "authentication":
            call.gate.note_stranger(call.address)
        raise


def check_scope(key: ApiKey, scope: Scope | None) -> None:
    """Raises 403 unless the key has the scope. `admin` is the installation's and includes the others."""
    if scope is None or scope in key.scopes or ("admin" in key.scopes and key.app_id is None):
        return
    raise GatewayError("scope_missing", f"This call needs a key with the scope `{scope}`.", kind="permission")
