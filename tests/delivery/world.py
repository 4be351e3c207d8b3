"""A process's rooms of delivery on a real database, with a provider that answers to order."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from gateway.model.app import App
from gateway.model.delivery import Accepted, Device, Outcome, Push
from gateway.model.errors import NotFound
from gateway.model.message import Content
from gateway.model.subscriber import Platform
from gateway.policy.receipt_token import ReceiptSigner
from gateway.transports.base import Address, Compiled, Credential, Medium, Minted, Pace, Transport
from tests.store.rows import PROVIDER

NO_NAMES: Any = None
"""What stands for the names in an audience, where nobody asks."""
CREDENTIAL = Credential(
    app_id=1, id=1, public_id=1, provider=PROVIDER, is_current=True, public={}, secret=b"s"
)  # fmt: skip


class KeysOf:
    """The opened keys of one app."""

    def __init__(self, app: App) -> None:
        self.app: App | None = app

    async def app_by_id(self, app_id: int) -> App:
        if self.app is None or self.app.id != app_id:
            raise NotFound("app")
        return self.app

    async def credentials(self, app_id: int) -> Mapping[int, Credential]:
        del app_id
        return {1: CREDENTIAL}

    async def receipt_signer(self, app_id: int) -> ReceiptSigner:
        return ReceiptSigner(app_id, 1, b"r" * 32)


class Service:
    """A provider whose push service says what `answer` says of a device's address."""

    name: ClassVar[str] = PROVIDER
    medium: ClassVar[Medium] = "push"
    hosts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, answer: Callable[[Push], Outcome] = lambda _: Accepted()) -> None:
        self.answer = answer
        self.bytes_max = 1000
        self.pushes: list[Push] = []

    @staticmethod
    def generate(subject: str) -> Minted | None:
        del subject
        return None

    @staticmethod
    def load(raw: str, subject: str) -> Minted:
        return Minted({"subject": subject}, raw.encode())

    def address(self, raw: Mapping[str, Any]) -> Address:
        return Address(str(raw).encode(), str(raw).encode())

    def describe(self, wire: bytes) -> dict[str, Any]:
        return {"wire": wire}

    def lane_of(self, wire: bytes) -> str:
        del wire
        return "https://push.example"

    binds_devices: ClassVar[bool] = True
    pace: ClassVar[Pace] = Pace()
    platform: ClassVar[Platform] = Platform.OTHER
    page_fields: ClassVar[frozenset[str]] = frozenset()

    def check_reach(self, wire: bytes, public: Mapping[str, Any]) -> None:
        """Any key does."""

    async def check(self, credential: Credential) -> str | None:
        """There is nobody to ask."""

    def compile(self, content: Content, *, message_id: int) -> Compiled:
        text = f"{content.title}.{message_id}"

        def render(device: Device, token: str, _ttl_s: int) -> bytes:
            return f"{text}.{device.subscription_id}.{token}".encode()

        return Compiled(render)

    def make_ahead(self, wire: bytes) -> bool:
        del wire
        return False

    def payload_bytes_max(self, platform: int) -> int:
        del platform
        return self.bytes_max

    async def send(self, push: Push, credential: Credential) -> Outcome:
        assert credential == CREDENTIAL
        self.pushes.append(push)
        return self.answer(push)

    async def aclose(self) -> None:
        return


def transports(service: Any) -> dict[str, Transport]:
    """As a process has them."""
    return {PROVIDER: service}
