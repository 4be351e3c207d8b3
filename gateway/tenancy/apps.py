"""Making and changing apps. An app is one site or product: its origins, its keys, its audience."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.app_settings import merged
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.ids import new_id, to_text
from gateway.model.limits import (
    APP_NAME_CHARS_MAX,
    BUCKETS,
    INSERT_ATTEMPTS_MAX,
)
from gateway.store import apps, audit, credentials
from gateway.store.credentials import StoredCredential
from gateway.store.database import Queryable
from gateway.tenancy.api_keys import issue
from gateway.tenancy.credentials import add
from gateway.tenancy.origins import check_link_hosts, check_origins
from gateway.tenancy.secrets import make
from gateway.transports import find, names
from gateway.wire.vapid import check_subject
from gateway.wire.vault import Vault


class CreatedApp(msgspec.Struct, frozen=True, kw_only=True):
    """A new app and what its owner must know. The key's text exists only here."""

    app: App
    vapid_public_key: str
    """What pages subscribe with; empty where no provider has one."""
    vapid_key_public_id: int | None
    api_key_text: str

    def snippet(self, gateway_url: str) -> str:
        """The line that a shop pastes into its pages; `gateway_url` has no slash at the end."""
        app = to_text("app", self.app.public_id)
        return f'<script src="{gateway_url}/sdk/v1/steeple.js" data-app="{app}" defer></script>'

    def __repr__(self) -> str:
        """Without the key."""
        return f"CreatedApp({self.app!r})"


class _Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, checked."""

    name: str
    origins: list[str]
    link_hosts: list[str]
    subject: str
    settings: dict[str, Any]


async def create_app(
    db: Queryable,
    vault: Vault,
    *,
    name: str,
    origins: Iterable[str],
    subject: str,
    link_hosts: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
    actor: str = "operator",
) -> CreatedApp:
    """An app with all it needs to send: keys, secrets and an API key (send, read, manage), in one transaction.

    Raises `GatewayError`: `name_taken`, `origin_invalid`, `subject_invalid`, `field_unknown` or `field_invalid`.
    """
    draft = _Draft(
        name=check_name(name),
        origins=check_origins(origins),
        link_hosts=check_link_hosts(link_hosts),
        subject=_checked_subject(subject),
        settings=merged({}, settings or {}),
    )
    async with db.transaction() as tx:
        app = await _inserted(tx, draft)
        await audit.append(
            tx, app_id=app.id, actor=actor, action="app_created", target=to_text("app", app.public_id),
            detail={"name": draft.name, "origins": draft.origins},
        )  # fmt: skip
        keys = await _first_credentials(tx, vault, app, actor=actor)
        await make(tx, vault, app.id, "receipt")
        await make(tx, vault, app.id, "identity")
        issued = await issue(tx, app_id=app.id, name="first key", scopes=("send", "read", "manage"), actor=actor)
    shown = next((key for key in keys if "vapid_public_key" in key.public), None)
    return CreatedApp(
        app=app,
        vapid_public_key="" if shown is None else shown.public["vapid_public_key"],
        vapid_key_public_id=None if shown is None else shown.public_id,
        api_key_text=issued.text,
    )


async def _inserted(db: Queryable, draft: _Draft) -> App:
    public_id = new_id()
    for _ in range(INSERT_ATTEMPTS_MAX):
        app = await apps.insert(db, public_id=public_id, home=public_id % BUCKETS, **msgspec.structs.asdict(draft))
        if app is not None:
            return app
        if await apps.get_by_name(db, draft.name) is not None:
            raise _name_taken(draft.name)
    raise Conflict("state_conflict", "Others are making apps at the same moment; try again.")


async def _first_credentials(db: Queryable, vault: Vault, app: App, *, actor: str) -> list[StoredCredential]:
    """A key at every provider whose keys we can make ourselves."""
    made: list[StoredCredential] = []
    for provider in names():
        minted = find(provider).generate(app.subject)
        if minted is not None:
            made.append(await add(db, vault, app, provider, minted, actor=actor, is_current=True))
    return made


async def change_app(
    db: Queryable,
    app: App,
    *,
    actor: str,
    name: str | None = None,
    origins: Iterable[str] | None = None,
    link_hosts: Iterable[str] | None = None,
    subject: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> App:
    """Changes what is given, of the settings each one that is named (`model.app_settings.merged`).

    A new subject goes out with every push from then on. Raises as `create_app` does.
    """
    label = None if name is None else check_name(name)
    sites = None if origins is None else check_origins(origins)
    hosts = None if link_hosts is None else check_link_hosts(link_hosts)
    contact = None if subject is None else _checked_subject(subject)
    async with db.transaction() as tx:
        held = await apps.lock_settings(tx, app.id)
        if held is None:
            raise NotFound("app")
        chosen = None if settings is None else merged(held, settings)
        if label is not None and label != app.name and await apps.get_by_name(tx, label) is not None:
            raise _name_taken(label)
        await apps.update_settings(tx, app.id, name=label, subject=contact, settings=chosen)
        changed = await apps.update_origins(tx, app.id, origins=sites, link_hosts=hosts)
        if changed is None:
            raise NotFound("app")
        if contact is not None:
            await credentials.set_subject(tx, app.id, contact)
        given = {"name": label, "origins": sites, "link_hosts": hosts, "subject": contact, "settings": settings}
        await audit.append(
            tx, app_id=app.id, actor=actor, action="app_changed", target=to_text("app", app.public_id),
            detail={field: value for field, value in given.items() if value is not None},
        )  # fmt: skip
    return changed


async def delete_app(db: Queryable, app: App, *, actor: str) -> None:
    """Takes the app out of service: nothing of it is found or sent any more."""
    async with db.transaction() as tx:
        if not await apps.mark_deleted(tx, app.id):
            raise NotFound("app")
        await audit.append(
            tx, app_id=app.id, actor=actor, action="app_deleted", target=to_text("app", app.public_id),
            detail={"name": app.name},
        )  # fmt: skip


def check_name(name: str) -> str:
    """`name` without outer spaces, 1 to 100 printable characters. Raises `Invalid`."""
    label = name.strip()
    if not label or len(label) > APP_NAME_CHARS_MAX or not label.isprintable():
        raise Invalid(
            "field_invalid", f"An app's name has 1 to {APP_NAME_CHARS_MAX} printable characters.", param="name"
        )
    return label


def _checked_subject(subject: str) -> str:
    try:
        return check_subject(subject)
    except ValueError as fault:
        raise Invalid("subject_invalid", str(fault), param="subject") from None


def _name_taken(name: str) -> Conflict:
    return Conflict("name_taken", f"There is an app named {name!r} already.", param="name")
