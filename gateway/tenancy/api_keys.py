"""API keys: `stpl_sk_`, 13 digits of an id, 43 of a secret, 6 of a checksum; publishable ones without the secret.

The secret has 256 random bits, so its SHA-256 is all that is stored: nobody can guess it, and a slow hash would only
slow us down. The checksum tells a typing error from a wrong key without asking the database, and lets scanners of
published code know a key when they see one. The id finds the row, then the hashes are compared in constant time.

A publishable key (`stpl_pk_`) lies in every copy of a native app, where anybody can read it. So it has no secret, can
be shown again, and opens one thing: the device that it comes from may enrol. It is there to be counted and revoked.
"""

import hashlib
import hmac
import re
import secrets as random
import string
import time
import zlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.app import DEVICE, SCOPES, ApiKey, Scope
from gateway.model.errors import Conflict, GatewayError, Invalid, NotFound
from gateway.model.ids import from_text, new_id, to_text
from gateway.model.limits import API_KEY_NAME_CHARS_MAX, API_KEY_TEXT_CHARS_MAX, API_KEYS_PER_APP_MAX
from gateway.store import api_keys, audit
from gateway.store.database import Queryable
from gateway.tenancy.kept import Kept

_DIGITS: Final = string.digits + string.ascii_letters
_SECRET_DIGITS: Final = 43
"""62^43 is just over 2^256."""
_CHECK_DIGITS: Final = 6
"""62^6 is more than the 2^32 values of a CRC-32."""
_FORM: Final = re.compile(r"stpl_sk_([0-9a-hjkmnp-tv-z]{13})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})", re.ASCII)
_PUBLISHABLE: Final = re.compile(r"stpl_pk_([0-9a-hjkmnp-tv-z]{13})_([0-9A-Za-z]{6})", re.ASCII)
SECRET_PREFIX: Final = "stpl_sk_"  # noqa: S105 - what such keys begin with
PUBLISHABLE_PREFIX: Final = "stpl_pk_"
_TOUCH_S: Final = 60.0


class IssuedKey(msgspec.Struct, frozen=True):
    """A new key and its text, which exists only here."""

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        """Without the text."""
        return f"IssuedKey({self.key.id})"


async def issue(
    db: Queryable,
    *,
    app_id: int | None,
    name: str,
    scopes: Iterable[Scope],
    actor: str,
    expires_at: datetime | None = None,
) -> IssuedKey:
    """A new key of an app, or with `app_id` None of the installation; only those have the scope admin.

    With the scope device, which stands alone and is an app's, it is a publishable key.
    """
    checked = _checked_scopes(scopes, is_installation=app_id is None)
    label = _checked_name(name)
    if await api_keys.count_live(db, app_id) >= API_KEYS_PER_APP_MAX:
        raise Conflict("state_conflict", f"There are {API_KEYS_PER_APP_MAX} live API keys, the most there may be.")
    key_id = new_id()
    secret = "".join(random.choice(_DIGITS) for _ in range(_SECRET_DIGITS))
    text = publishable_text(key_id) if DEVICE in checked else _text_of(key_id, secret)
    async with db.transaction() as tx:
        key = await api_keys.insert(
            tx,
            key_id=key_id,
            app_id=app_id,
            name=label,
            scopes=checked,
            key_hash=_hash_of(text),
            expires_at=expires_at,
        )
        await audit.append(
            tx,
            app_id=app_id,
            actor=actor,
            action="api_key_issued",
            target=to_text("key", key_id),
            detail={"name": label, "scopes": checked},
        )
    return IssuedKey(key, text)


async def revoke(db: Queryable, *, app_id: int | None, key_id: int, actor: str) -> None:
    """Ends a key of this app (None: of the installation); processes that know it take it for 5 seconds more."""
    async with db.transaction() as tx:
        if not await api_keys.revoke(tx, app_id, key_id):
            raise NotFound("live API key")
        await audit.append(tx, app_id=app_id, actor=actor, action="api_key_revoked", target=to_text("key", key_id))


def parse(text: str) -> int:
    """The id in a key's text. Raises `GatewayError` (`key_invalid`) for what cannot be a key: nobody is asked."""
    form = None
    if len(text) <= API_KEY_TEXT_CHARS_MAX:
        form = _FORM.fullmatch(text) or _PUBLISHABLE.fullmatch(text)
    key_id = None if form is None else from_text("key", f"key_{form[1]}")
    if form is None or key_id is None:
        raise _invalid(_FORMS_THERE_ARE)
    if _check_digits(text[:-_CHECK_DIGITS]) != text[-_CHECK_DIGITS:]:
        raise _invalid("The API key has a typing error: its checksum does not fit. Copy it once more.")
    return key_id


_FORMS_THERE_ARE: Final = (
    "This is no API key of this gateway: those begin with stpl_sk_ and have 71 characters; publishable ones begin with "
    "stpl_pk_ and have 28."
)


class ApiKeys:
    """Checks keys for one process; what the database said of a key holds for 5 seconds."""

    def __init__(self, db: Queryable, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._kept: Kept[int, ApiKey] = Kept(lambda key_id: api_keys.get(db, key_id), clock=clock)
        self._touched: dict[int, float] = {}

    async def check(self, text: str, *, now: datetime) -> ApiKey:
        """The key with this text. Raises `GatewayError` (`key_invalid`) when there is none, or none that is live."""
        key = await self._kept.get(parse(text))
        if key is None or not hmac.compare_digest(key.hash, _hash_of(text)):
            raise _invalid("There is no such API key.")
        if key.revoked_at is not None:
            raise _invalid("The API key was revoked.")
        if key.expires_at is not None and key.expires_at <= now:
            raise _invalid("The API key has expired.")
        await self._touch(key.id)
        return key

    def forget(self, key_id: int) -> None:
        """The next use of this key asks the database: call it after a change of one's own."""
        self._kept.forget(key_id)

    async def _touch(self, key_id: int) -> None:
        now_s = self._clock()
        if now_s - self._touched.get(key_id, float("-inf")) < _TOUCH_S:
            return
        self._touched = {one: at_s for one, at_s in self._touched.items() if now_s - at_s < _TOUCH_S}
        self._touched[key_id] = now_s
        await api_keys.touch(self._db, key_id)


def publishable_text(key_id: int) -> str:
    """The text of a publishable key, which follows from its id."""
    head = f"{PUBLISHABLE_PREFIX}{to_text('key', key_id).removeprefix('key_')}_"
    return head + _check_digits(head)


def _text_of(key_id: int, secret: str) -> str:
    head = f"{SECRET_PREFIX}{to_text('key', key_id).removeprefix('key_')}_{secret}"
    return head + _check_digits(head)


def _check_digits(head: str) -> str:
    number = zlib.crc32(head.encode())
    return "".join(_DIGITS[number // len(_DIGITS) ** place % len(_DIGITS)] for place in range(_CHECK_DIGITS))


def _hash_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _checked_scopes(scopes: Iterable[Scope], *, is_installation: bool) -> list[Scope]:
    wanted = set(scopes)
    checked: list[Scope] = [scope for scope in SCOPES if scope in wanted]
    if not checked or len(checked) != len(wanted):
        raise Invalid("field_invalid", f"Scopes are some of {', '.join(SCOPES)}.", param="scopes")
    if "admin" in checked and not is_installation:
        raise Invalid(
            "field_invalid", "The scope admin is the installation's: a key of an app cannot have it.", param="scopes"
        )
    if DEVICE in checked and (is_installation or len(checked) > 1):
        raise Invalid(
            "field_invalid",
            "The scope device makes a publishable key: it stands alone and is an app's.",
            param="scopes",
        )
    return checked


def _checked_name(name: str) -> str:
    label = name.strip()
    if not label or len(label) > API_KEY_NAME_CHARS_MAX or not label.isprintable():
        raise Invalid(
            "field_invalid", f"A key's name has 1 to {API_KEY_NAME_CHARS_MAX} printable characters.", param="name"
        )
    return label


def _invalid(why: str) -> GatewayError:
    return GatewayError("key_invalid", why, kind="authentication")
