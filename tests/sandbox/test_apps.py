"""Pushes to phones arrive, and are written down: Apple's and Google's services at their simplest."""

from gateway.sandbox import Ledger, Sandbox
from sandbox.app_senders import ALERT, BUNDLE, AppleSender, GoogleSender


async def test_an_iphone_shows_what_it_gets(sandbox: Sandbox, apple: AppleSender) -> None:
    """One push, one notification, under the id that the answer tells."""
    phone = sandbox.phones.make("ios", BUNDLE)

    answer = await apple.send(await apple.line(), phone.token)

    assert answer.status == 200
    (shown,) = phone.shown
    assert (shown.payload, shown.id) == (ALERT, answer.headers["apns-id"])


async def test_an_android_shows_what_it_gets(sandbox: Sandbox, google: GoogleSender) -> None:
    """One push, one message, under the name that the answer tells."""
    phone = sandbox.phones.make("android", google.project)
    message = {"token": phone.token, "notification": {"title": "t"}}

    answer = await google.send(await google.line(), message)

    assert answer.status == 200
    (shown,) = phone.shown
    assert shown.payload == message
    assert answer.json["name"] == f"projects/{google.project}/messages/{shown.id}"


async def test_the_ledger_tells_what_was_asked_of_apple(sandbox: Sandbox, apple: AppleSender) -> None:
    """Ids from the payload, topic, collapse id, priority and life."""
    (token,) = sandbox.phones.mint(1, "apns", BUNDLE)
    payload = {**ALERT, "steeple": {"m": "msg_1", "s": "sub_2"}}
    expiration = str(int(apple.clock()) + 60)

    answer = await apple.send(
        await apple.line(), token, payload, apns_collapse_id="cart", apns_priority="5", apns_expiration=expiration
    )

    assert sandbox.ledger.path is not None
    (entry,) = Ledger.read(sandbox.ledger.path)
    assert (entry.message, entry.subscription, entry.token) == ("msg_1", "sub_2", token)
    assert (entry.service, entry.channel, entry.version) == ("apns", BUNDLE, answer.headers["apns-id"])
    assert (entry.topic, entry.urgency, entry.ttl_s, entry.fate, entry.status) == ("cart", "5", 60, "taken", 200)


async def test_the_ledger_tells_what_was_asked_of_google(sandbox: Sandbox, google: GoogleSender) -> None:
    """Ids also where the payload holds them as JSON inside a text."""
    (token,) = sandbox.phones.mint(1, "fcm", google.project)
    android = {"collapse_key": "cart", "priority": "HIGH", "ttl": "3.5s"}
    data = {"steeple": '{"m":"msg_1","s":"sub_2"}'}

    await google.send(await google.line(), {"token": token, "data": data, "android": android})

    assert sandbox.ledger.path is not None
    (entry,) = Ledger.read(sandbox.ledger.path)
    assert (entry.message, entry.subscription, entry.token) == ("msg_1", "sub_2", token)
    assert (entry.service, entry.channel, entry.status) == ("fcm", google.project, 200)
    assert (entry.topic, entry.urgency, entry.ttl_s, entry.fate) == ("cart", "high", 3, "taken")
