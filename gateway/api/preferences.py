"""The preference centre: for a page with the device's secret, and for whoever opens the link of a message.

The link's token is the one by which the device reports what became of the message (`policy.receipt_token`). It stands
in the fragment of the address, which browsers keep to themselves, and comes here in a header, so that no log has it. It
names a device and whom the message was for: after somebody else's login there it opens nothing (403 `link_not_yours`).
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.api.answers import json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.devices import enter
from gateway.api.preference_texts import accepted, language_of, texts
from gateway.api.schema.preferences import OfferedTopic, PreferencesAnswer, PreferencesChange
from gateway.api.subscriptions import device_number, how_said
from gateway.model.app import App
from gateway.model.consent import How
from gateway.model.errors import GatewayError, Invalid, NotFound
from gateway.model.subscriber import Subscription, SubscriptionState
from gateway.policy import receipt_token
from gateway.policy.receipt_token import ReceiptClaim
from gateway.subscribers import preference_centre
from gateway.subscribers.choices import choices_shown
from gateway.subscribers.consents import Occasion
from gateway.subscribers.preference_centre import Centre

PAGE: Final = "/preferences"
_CHANGE: Final = decoder_of(PreferencesChange)
_NO_APP: Final = -3
"""Links that name no app share one rate per address."""


async def show(call: Call) -> web.Response:
    """GET /v1/subscriptions/{id}/preferences"""
    app, device = await _by_secret(call)
    return await _answer(call, app, device.id)


async def change(call: Call) -> web.Response:
    """PATCH /v1/subscriptions/{id}/preferences"""
    app, device = await _by_secret(call)
    return await _changed(call, app, device, Occasion(call.now(), how_said(call), call.origin or ""))


async def show_by_link(call: Call) -> web.Response:
    """GET /v1/preferences"""
    app, _, centre = await _by_link(call)
    return json_answer(_shown(call, app, centre))


async def change_by_link(call: Call) -> web.Response:
    """PATCH /v1/preferences"""
    app, is_for, centre = await _by_link(call)
    names = {*centre.names, None}

    def admit(person: str | None) -> None:
        # Somebody may have logged in since the device was read.
        if person not in names and not is_for([person] if person else []):
            raise _not_yours()

    occasion = Occasion(call.now(), How.LINK, call.gate.url + PAGE)
    return await _changed(call, app, centre.device, occasion, admit=admit)


async def _by_secret(call: Call) -> tuple[App, Subscription]:
    app, secret = await enter(call)
    return app, await call.services.enroller.get(app, device_number(call, secret), secret)


async def _by_link(call: Call) -> tuple[App, Callable[[Collection[str]], bool], Centre]:
    """What a genuine token opens, and for whom. Raises 401 for every other, so that a forger learns nothing."""
    app, claim, secrets = await _claimed(call)
    is_for = partial(claim.is_for, secrets=secrets)
    try:
        centre = await preference_centre.read(call.services.database, app, claim.subscription_id)
    except NotFound:
        raise _no_link() from None
    if not is_for(centre.names):
        raise _not_yours()
    return app, is_for, centre


async def _claimed(call: Call) -> tuple[App, ReceiptClaim, Mapping[int, bytes]]:
    token = call.bearer or ""
    app_id = receipt_token.app_of(token)
    call.gate.check_stranger(call.address)
    call.gate.take_for_app(call.address, _NO_APP if app_id is None else app_id)
    keyring = call.services.keyring
    try:
        if app_id is None:
            raise _no_link()
        app = await keyring.app_by_id(app_id)
        secrets = await keyring.receipt_secrets(app_id)
    except GatewayError as fault:
        if fault.kind == "unavailable":
            raise
        call.gate.note_stranger(call.address)
        raise _no_link() from None
    call.app = app
    claim = receipt_token.read(token, secrets=secrets, today=call.now().date())
    if claim is None or not claim.opens_preferences:
        raise _no_link()
    return app, claim, secrets


def _no_link() -> GatewayError:
    return GatewayError(
        "link_invalid", "This link is not good any more: take one from a newer message.", kind="authentication"
    )


def _not_yours() -> GatewayError:
    return GatewayError(
        "link_not_yours",
        "This link is no longer yours: somebody else has logged in on this device since the message came.",
        kind="permission",
    )


async def _changed(
    call: Call,
    app: App,
    device: Subscription,
    occasion: Occasion,
    *,
    admit: Callable[[str | None], None] = lambda _person: None,
) -> web.Response:
    wish: PreferencesChange = call.decode(_CHANGE)
    if preference_centre.is_empty(wish):
        raise Invalid("field_missing", "Say what is to be changed.", param="topics")
    await preference_centre.change(call.services.database, app, device, wish, occasion, admit=admit)
    return await _answer(call, app, device.id)


async def _answer(call: Call, app: App, number: int) -> web.Response:
    try:
        centre = await preference_centre.read(call.services.database, app, number)
    except NotFound:
        raise _no_link() from None
    return json_answer(_shown(call, app, centre))


def _shown(call: Call, app: App, centre: Centre) -> PreferencesAnswer:
    device = centre.device
    header = accepted(call.request.headers.get("Accept-Language"))
    language = language_of((call.query("language"), device.locale, *header, app.own.language))
    chosen = choices_shown(centre.choices, now=call.now())
    return PreferencesAnswer(
        subscribed=device.state == SubscriptionState.ACTIVE,
        topics=[
            OfferedTopic(slug=one.slug, name=one.name, subscribed=one.id in device.topics) for one in centre.offered
        ],
        quiet_hours=chosen.quiet_hours,
        frequency=chosen.frequency,
        paused_until=chosen.paused_until,
        channels_off=chosen.channels_off,
        channels=centre.channels,
        devices=centre.devices,
        timezone=device.timezone or device.geo_timezone,
        consent=device.consent,
        site=_site(app),
        language=language,
        texts=dict(texts()[language]),
    )


def _site(app: App) -> str:
    """Whose messages they are, as visitors know it: the host of the first page that asked them."""
    host = urlsplit(app.origins[0]).hostname if app.origins else None
    return (host or app.name).removeprefix("www.")
