"""Experiments: planned with their message, decided once by what people did or by hand, and then the others go on.

A round of the loop may end anywhere: the winner is set once and stays, and letting those go on who wait may be
repeated.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.model.app import App
from gateway.model.delivery import Code
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.event import ARM_STEP, ReceiptKind
from gateway.model.limits import CONVERSION_ROWS, EXPERIMENTS_PER_ROUND_MAX
from gateway.model.variant import Experiment
from gateway.policy.counting import counts_of_arms, folded
from gateway.policy.owners import owner_of
from gateway.policy.variants import ArmResult, drawn, is_tested, variant_of, winner_of
from gateway.store import chunks, experiments, messages, receipts
from gateway.store.database import Queryable
from gateway.store.experiments import StoredExperiment
from gateway.store.messages import StoredMessage
from gateway.telemetry import log

_BY_HAND: Final = "hand"

AppSource = Callable[[int], Awaitable[App]]
"""The app of an internal id; raises `NotFound` if it is gone."""


async def planned(db: Queryable, app: App, message: StoredMessage, *, begins_in_s: float, expires_at: datetime) -> None:
    """What an experiment needs beside the chunks of its message, in the transaction that plans it.

    begins_in_s: until the first of its people gets it, who may be asleep now or have an hour of their own. The time of
    the experiment runs from then on.
    """
    experiment = message.terms.experiment
    if experiment is None:
        return
    await experiments.insert(
        db,
        app_id=app.id,
        message_id=message.id,
        begins_in_s=begins_in_s,
        after_s=None if experiment.metric == "hand" else experiment.after_s,
        expires_at=expires_at,
    )
    await experiments.add_rest(db, app_id=app.id, buckets=app.buckets, message_id=message.id)


async def put_off(db: Queryable, message: StoredMessage, to: datetime) -> None:
    """The message goes out at another time, and its experiment runs from then on."""
    experiment = message.terms.experiment
    if experiment is not None:
        await experiments.put_off(
            db,
            app_id=message.app_id,
            message_id=message.id,
            decide_at=None if experiment.metric == "hand" else to + timedelta(seconds=experiment.after_s),
            expires_at=to + (message.expires_at - message.due_at),
        )


async def decide_due(db: Queryable, app_of: AppSource, *, now: datetime) -> int:
    """Decides what is due, and lets those go on who wait; how many experiments were looked after."""
    due = await experiments.due(db, limit=EXPERIMENTS_PER_ROUND_MAX)
    for one in due:
        try:
            app = await app_of(one.app_id)
        except NotFound:
            await experiments.mark_released(db, app_id=one.app_id, message_id=one.message_id)
            continue
        await _finish(db, app, one, now=now)
    return len(due)


async def choose(db: Queryable, app: App, message_id: int, name: str, *, now: datetime) -> str:
    """Makes a variant the winner by hand, before anything else did; its name.

    Raises `NotFound`, `Invalid` for a name that no variant has, `Conflict` where there is nothing to decide.
    """
    message = await messages.get(db, app_id=app.id, message_id=message_id)
    if message is None:
        raise NotFound("message")
    names = [variant.name for variant in message.terms.variants]
    if message.terms.experiment is None:
        raise Conflict("state_conflict", "This message has no experiment that could have a winner.")
    if name not in names:
        raise Invalid("field_invalid", f"The variants are {', '.join(names)}.", param="variant")
    if await experiments.get(db, app_id=app.id, message_id=message_id) is None:
        raise Conflict("state_conflict", "The message has not begun: there is nothing to choose from yet.")
    if not await experiments.decide(db, app_id=app.id, message_id=message_id, winner=names.index(name), by=_BY_HAND):
        raise Conflict("state_conflict", "The winner was chosen before, or the message is over.")
    await _release(db, app, message, now=now)
    return name


async def _finish(db: Queryable, app: App, one: StoredExperiment, *, now: datetime) -> None:
    message = await messages.get(db, app_id=app.id, message_id=one.message_id)
    if message is None or message.terms.experiment is None:
        await experiments.mark_released(db, app_id=app.id, message_id=one.message_id)
        return
    is_due = one.winner is None and message.tally is None
    if is_due and one.decide_at is None and message.expires_at > one.expires_at:
        await experiments.prolong(db, app_id=app.id, message_id=message.id, to=message.expires_at)
        return
    if is_due:
        await _decide(db, app, message, message.terms.experiment)
    await _release(db, app, message, now=now)


async def _decide(db: Queryable, app: App, message: StoredMessage, experiment: Experiment) -> None:
    if experiment.metric == "hand":
        return  # nobody chose in time
    verdict = winner_of(await results(db, app, message, experiment))
    if await experiments.decide(db, app_id=app.id, message_id=message.id, winner=verdict.winner, by=verdict.why):
        name = message.terms.variants[verdict.winner].name
        log("sending").info("experiment_decided", app=app.id, message=message.id, winner=name, why=verdict.why)


async def _release(db: Queryable, app: App, message: StoredMessage, *, now: datetime) -> None:
    wait_s = max(0.0, (message.due_at - now).total_seconds())
    await experiments.release_rest(db, app_id=app.id, buckets=app.buckets, message_id=message.id, wait_s=wait_s)
    await experiments.mark_released(db, app_id=app.id, message_id=message.id)


async def results(db: Queryable, app: App, message: StoredMessage, experiment: Experiment) -> list[ArmResult]:
    """How each variant does in the experiment, in their order."""
    _, tally = folded(await chunks.sums(db, app_id=app.id, buckets=app.buckets, message_id=message.id))
    sent = {arm: counts.get("sent", 0) for arm, counts in counts_of_arms(tally).items()}
    if experiment.metric == "conversion":
        successes = await _conversions(db, app, message, experiment)
    else:
        reported = await receipts.counts(db, app_id=app.id, buckets=app.buckets, message_id=message.id)
        successes = {kind // ARM_STEP: n for kind, n in reported.items() if kind % ARM_STEP == ReceiptKind.CLICKED}
    arms = range(1, len(message.terms.variants) + 1)
    return [ArmResult(sent.get(arm, 0), min(successes.get(arm, 0), sent.get(arm, 0))) for arm in arms]


async def _conversions(db: Queryable, app: App, message: StoredMessage, experiment: Experiment) -> dict[int, int]:
    """Devices of people in the experiment who did what counts since the message was planned, by arm."""
    found: Counter[int] = Counter()
    for bucket in app.buckets:
        after = -1
        while rows := await experiments.converted(
            db,
            app_id=app.id,
            bucket=bucket,
            event=experiment.event,
            since_s=_planned_at(message).timestamp(),
            after=after,
            limit=CONVERSION_ROWS,
        ):
            had = await experiments.tested(
                db,
                app_id=app.id,
                bucket=bucket,
                message_id=message.id,
                day=_planned_at(message).astimezone(UTC).date(),
                lo=rows[0][0],
                hi=rows[-1][0],
            )
            found.update(_arms_of(message, experiment, [row for row in rows if had.get(row[0]) == Code.SENT]))
            after = rows[-1][0]
    return found


def _arms_of(message: StoredMessage, experiment: Experiment, people: Sequence[tuple[int, str]]) -> Iterator[int]:
    weights = [variant.weight for variant in message.terms.variants]
    for device, person in people:
        draw = drawn(message.id, owner_of(person, device))
        if is_tested(draw, experiment):
            yield variant_of(draw, weights) + 1


def _planned_at(message: StoredMessage) -> datetime:
    return message.planned_at or message.due_at
