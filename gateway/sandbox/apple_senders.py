"""Who may send through the sandbox's APNs: teams with their signing keys, and apps with their client certificates.

Sources: Apple, "Establishing a token-based connection to APNs" (ES256, `kid` of 10 characters, `iss`, `iat`; a token is
good for an hour and renewed at most every 20 minutes; one team a connection), "Establishing a certificate-based
connection to APNs"; RFC 7515 section 3.1, RFC 7518 section 3.4.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final
from weakref import WeakKeyDictionary

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway.sandbox.authority import ClientAuthority, ClientCertificate
from gateway.sandbox.exchange import Line
from gateway.sandbox.limits import ACCOUNTS_MAX, PROVIDER_TOKENS_MAX
from gateway.sandbox.phone_tokens import Environment
from gateway.wire.base64url import decode_base64url

TOKEN_LIFE_S: Final = 3600
RENEWAL_S_MIN: Final = 20 * 60
_SKEW_S: Final = 60
"""A token of a clock that is a little ahead still passes."""
_ID_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_ID_CHARS: Final = 10
_SIGNATURE_BYTES: Final = 64
_SCHEME: Final = "bearer "


class AppleKey(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key as Apple's site hands it out. `p8` is the file's text and secret."""

    team_id: str
    key_id: str
    p8: str

    def __repr__(self) -> str:
        """Without the secret."""
        return f"AppleKey({self.team_id}, {self.key_id})"


class Sender(msgspec.Struct, frozen=True):
    """Who sends: a team by a token, or one app by a certificate (then `bundle` is known)."""

    team: str | None
    bundle: str | None = None


class _Claims(msgspec.Struct, frozen=True):
    team: str
    made_at_s: float


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str


class _Payload(msgspec.Struct, frozen=True):
    iss: str
    iat: int


class _Certified(msgspec.Struct):
    bundle: str
    environments: tuple[Environment, ...]
    is_revoked: bool = False


class _Team(msgspec.Struct):
    """Which tokens a team has used, and when it came with a new one."""

    tokens: OrderedDict[str, None]
    renewed_at_s: float = float("-inf")


class _LineState(msgspec.Struct):
    """What a connection has shown so far."""

    team: str | None = None
    token: str = ""
    renewed_at_s: float = float("-inf")
    unusable_until_s: float = float("-inf")


class Senders:
    """Teams, keys, certificates. `judge` says who sends a request, or Apple's word for why nobody does."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`is_lenient`: tokens of unknown keys pass unverified, and their key id belongs to the team that came first.

        `renewal_s_min`: a team that comes with another new token sooner is refused.
        """
        self.is_lenient = False
        self.renewal_s_min: float = RENEWAL_S_MIN
        self.clients: ClientAuthority | None = None
        self._clock = clock
        self._keys: dict[str, tuple[str, ec.EllipticCurvePublicKey | None]] = {}
        self._owners: dict[str, str] = {}
        self._certificates: dict[bytes, _Certified] = {}
        self._verified: OrderedDict[str, _Claims] = OrderedDict()
        self._teams: dict[str, _Team] = {}
        self._lines: WeakKeyDictionary[Line, _LineState] = WeakKeyDictionary()

    # --- what it is told ----------------------------------------------------------------------------------------------
    def make_key(self, team: str | None = None, *, bundles: Iterable[str] = ()) -> AppleKey:
        """A fresh key of a team (None: of a new one) that owns these apps, and is refused for those of others."""
        private = ec.generate_private_key(ec.SECP256R1())
        key = AppleKey(
            team_id=team or _new_id(),
            key_id=_new_id(),
            p8=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        )
        self._remember(key.key_id, key.team_id, private.public_key(), bundles)
        return key

    def learn_key(self, key_id: str, team: str, pem: str, *, bundles: Iterable[str] = ()) -> None:
        """Accept tokens of this key: the text of a .p8 file, or of the public key alone.

        Raises:
            ValueError: it is no P-256 key.
        """
        try:
            public = (
                load_pem_private_key(pem.encode(), None).public_key()
                if "PRIVATE" in pem
                else load_pem_public_key(pem.encode())
            )
        except ValueError as error:
            raise ValueError("The key is no PEM text of a private or public key.") from error
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
            raise ValueError("The key is not on the curve P-256.")  # noqa: TRY004 - a wrong text, not a wrong type
        self._remember(key_id, team, public, bundles)

    def revoke_key(self, key_id: str) -> None:
        """Tokens of this key are refused from now on."""
        team, _ = self._keys.pop(key_id, ("", None))
        self._verified.clear()
        self._teams.pop(team, None)

    def make_certificate(
        self, bundle: str, *, environments: tuple[Environment, ...] = ("production", "sandbox")
    ) -> ClientCertificate:
        """A client certificate for one app; one for both environments unless told."""
        assert self.clients is not None, "the sandbox was not started"
        if len(self._certificates) >= ACCOUNTS_MAX:
            raise ValueError(f"This sandbox has handed out {ACCOUNTS_MAX} certificates.")
        certificate = self.clients.issue(bundle, environments=environments)
        self._certificates[certificate.fingerprint] = _Certified(bundle, environments)
        return certificate

    def revoke_certificate(self, fingerprint: bytes) -> None:
        """Its owner is refused from now on."""
        self._certificates[fingerprint].is_revoked = True

    def owner(self, bundle: str) -> str | None:
        """The team that owns an app; None: nobody said, and everybody may send to it."""
        return self._owners.get(bundle)

    def expire(self, team: str | None) -> None:
        """A fault said that the team's token is too old: welcome its next one at once."""
        if team is not None:
            self._teams.pop(team, None)
            for state in self._lines.values():
                state.renewed_at_s = float("-inf")

    # --- what it decides ----------------------------------------------------------------------------------------------
    def judge(self, authorization: str | None, line: Line, environment: Environment) -> Sender | str:
        """Who sends, or the reason of a refusal."""
        state = self._lines.get(line)
        if state is None:
            state = self._lines[line] = _LineState()
        if authorization is None:
            if line.certificate is None:
                return "MissingProviderToken"
            return self._certified(line.certificate, environment)
        if not authorization.lower().startswith(_SCHEME):
            return "InvalidProviderToken"
        return self._by_token(authorization[len(_SCHEME) :].strip(), state)

    def _certified(self, certificate: bytes, environment: Environment) -> Sender | str:
        known = self._certificates.get(sha256(certificate).digest())
        if known is None or known.is_revoked:
            return "BadCertificate"
        if environment not in known.environments:
            return "BadCertificateEnvironment"
        return Sender(None, known.bundle)

    def _by_token(self, text: str, state: _LineState) -> Sender | str:
        now_s = self._clock()
        claims = self._verified.get(text) or self._verify(text)
        if claims is None or claims.made_at_s > now_s + _SKEW_S or state.team not in {None, claims.team}:
            return "InvalidProviderToken"
        if now_s - claims.made_at_s > TOKEN_LIFE_S:
            return "ExpiredProviderToken"
        if now_s < state.unusable_until_s or not self._may_use(text, claims.team, state, now_s):
            state.unusable_until_s = max(state.unusable_until_s, now_s + self.renewal_s_min)
            return "TooManyProviderTokenUpdates"
        state.team = claims.team
        return Sender(claims.team)

    def _may_use(self, text: str, team: str, state: _LineState, now_s: float) -> bool:
        """Whether the team, and this connection, has not come with another token too soon."""
        if text == state.token:
            return True
        known = self._teams.get(team)
        if known is None:
            known = self._teams[team] = _Team(OrderedDict())
        if text not in known.tokens:
            if now_s - known.renewed_at_s < self.renewal_s_min:
                return False
            known.renewed_at_s = now_s
            known.tokens[text] = None
            _forget_beyond(known.tokens)
        if state.token:
            if now_s - state.renewed_at_s < self.renewal_s_min:
                return False
            state.renewed_at_s = now_s
        state.token = text
        return True

    def _verify(self, text: str) -> _Claims | None:
        """The claims of a token that is well-made and signed by a key that counts."""
        signed, _, signature = text.rpartition(".")
        head, _, body = signed.partition(".")
        try:
            header = msgspec.json.decode(decode_base64url(head), type=_Header)
            payload = msgspec.json.decode(decode_base64url(body), type=_Payload)
            raw = decode_base64url(signature)
        except (ValueError, msgspec.DecodeError):
            return None
        if header.alg != "ES256" or len(header.kid) != _ID_CHARS or len(payload.iss) != _ID_CHARS:
            return None
        if not self._is_signed(header.kid, payload.iss, signed, raw):
            return None
        claims = self._verified[text] = _Claims(payload.iss, payload.iat)
        _forget_beyond(self._verified)
        return claims

    def _is_signed(self, key_id: str, team: str, signed: str, raw: bytes) -> bool:
        if len(raw) != _SIGNATURE_BYTES:
            return False
        known = self._keys.get(key_id)
        if known is None and self.is_lenient:
            known = self._keys[key_id] = (team, None)
        if known is None or known[0] != team:
            return False
        if known[1] is None:
            return True
        half = _SIGNATURE_BYTES // 2
        signature = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        try:
            known[1].verify(signature, signed.encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def _remember(self, key_id: str, team: str, public: ec.EllipticCurvePublicKey, bundles: Iterable[str]) -> None:
        if len(self._keys) >= ACCOUNTS_MAX:
            raise ValueError(f"This sandbox knows {ACCOUNTS_MAX} keys already.")
        if len(key_id) != _ID_CHARS or len(team) != _ID_CHARS:
            raise ValueError(f"A key id and a team id have {_ID_CHARS} characters each.")
        self._keys[key_id] = (team, public)
        self._owners |= dict.fromkeys(bundles, team)


def _forget_beyond(kept: OrderedDict[str, object] | OrderedDict[str, _Claims] | OrderedDict[str, None]) -> None:
    if len(kept) > PROVIDER_TOKENS_MAX:
        kept.popitem(last=False)


def _new_id() -> str:
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_CHARS))
