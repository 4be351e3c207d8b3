"""Whose device it is: a login signed by the shop's server, so that nobody attaches a device to somebody else's name.

The signature is hex HMAC-SHA256 over four lines, `v1`, the app's id, the user's id and `expires` (Unix seconds), with
the app's identity secret. Two secrets may live at once, while one takes over from the other.
"""

import hmac
import re
from datetime import datetime
from typing import Final, Protocol

from gateway.model.app import App
from gateway.model.errors import GatewayError
from gateway.model.ids import to_text
from gateway.store import persons
from gateway.store.database import Queryable
from gateway.subscribers import people
from gateway.subscribers.preferences import check_external_id
from gateway.subscribers.secret import authorised
from gateway.subscribers.tracking import adopt

_EXPIRES: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


class IdentityKeys(Protocol):
    """Where the secrets of an app are found."""

    async def identity_secrets(self, app_id: int) -> list[bytes]:
        """What logins of the app may be signed with."""
        ...


async def login(
    db: Queryable,
    keys: IdentityKeys,
    app: App,
    subscription_id: int,
    secret: str | None,
    *,
    external_id: str,
    signature: str,
    expires: str | int,
    now: datetime,
) -> None:
    """Makes the device this user's, and what it tracked before.

    Raises `GatewayError`: `secret_invalid`, `signature_invalid`, `field_invalid`.
    """
    user = await proven(keys, app, external_id=external_id, signature=signature, expires=expires, now=now)
    await authorised(db, app, subscription_id, secret)
    await people.copied(db, app, await persons.attach(db, app, user, subscription_id))
    await adopt(db, app, subscription_id, user)


async def proven(
    keys: IdentityKeys, app: App, *, external_id: str, signature: str, expires: str | int, now: datetime
) -> str:
    """Whose login this is, as the shop's server signed it. Raises `signature_invalid`, `field_invalid`."""
    user = check_external_id(external_id, param="external_id")
    _check_expiry(str(expires), now=now)
    expected = [signature_of(one, app, user, str(expires)) for one in await keys.identity_secrets(app.id)]
    # Every secret is tried, so that the time tells nothing about which one it was.
    fitting = sum(hmac.compare_digest(signature.lower().encode(), one.encode()) for one in expected)
    if not fitting:
        raise _invalid(
            "The signature does not fit: is it over v1, app, user and expires, one a line, with this app's secret?"
        )
    return user


async def logout(db: Queryable, app: App, subscription_id: int, secret: str | None) -> None:
    """Makes the device nobody's. Raises `GatewayError` (`secret_invalid`)."""
    await authorised(db, app, subscription_id, secret)
    await people.copied(db, app, await persons.detach(db, app, subscription_id))


def signature_of(identity_secret: bytes, app: App, external_id: str, expires: str) -> str:
    """What the shop's server computes."""
    signed = f"v1\n{to_text('app', app.public_id)}\n{external_id}\n{expires}"
    return hmac.digest(identity_secret, signed.encode(), "sha256").hex()


def _check_expiry(expires: str, *, now: datetime) -> None:
    if _EXPIRES.fullmatch(expires) is None:
        raise _invalid("`expires` is a time in Unix seconds, as the signature has it.")
    if int(expires) <= now.timestamp():
        raise _invalid("The signature has expired: let the page ask for a new one.")


def _invalid(why: str) -> GatewayError:
    return GatewayError("signature_invalid", why, kind="permission")
