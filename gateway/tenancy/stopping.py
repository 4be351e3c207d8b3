"""The emergency stop: an app sends nothing until somebody lets it go on, and it is known who did what."""

from gateway.model.app import App
from gateway.model.errors import Invalid
from gateway.model.ids import to_text
from gateway.model.limits import STOP_REASON_CHARS_MAX
from gateway.store import audit, stops
from gateway.store.database import Queryable


async def stop_app(db: Queryable, app: App, *, actor: str, reason: str = "") -> bool:
    """Ends all sending of an app within seconds, in every process; what was accepted is kept and waits.

    False if it was stopped already. Raises `Invalid` for a reason that cannot be kept.
    """
    words = reason.strip()
    if len(words) > STOP_REASON_CHARS_MAX or not (words.isprintable() or not words):
        raise Invalid(
            "field_invalid", f"A reason has at most {STOP_REASON_CHARS_MAX} printable characters.", param="reason"
        )
    async with db.transaction() as tx:
        if not await stops.insert(tx, app_id=app.id, actor=actor, reason=words):
            return False
        await _note(tx, app, actor, "app_stopped", {"reason": words} if words else {})
    return True


async def start_app(db: Queryable, app: App, *, actor: str) -> bool:
    """Lets a stopped app send again, from where it stood; False if it was not stopped."""
    async with db.transaction() as tx:
        if not await stops.delete(tx, app_id=app.id):
            return False
        await _note(tx, app, actor, "app_started", {})
    return True


async def _note(db: Queryable, app: App, actor: str, action: str, detail: dict[str, str]) -> None:
    target = to_text("app", app.public_id)
    await audit.append(db, app_id=app.id, actor=actor, action=action, target=target, detail=detail)
