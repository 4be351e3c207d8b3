"""Signed JSON Web Tokens for the providers that admit requests by one.

Sources: RFC 7515 (JWS, compact serialization), RFC 7518 sections 3.3 (RS256) and 3.4 (ES256), RFC 7519 (JWT).
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, overload

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.model.limits import RSA_KEY_BITS_MAX, RSA_KEY_BITS_MIN
from gateway.wire.base64url import encode_base64url

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Algorithm = Literal["ES256", "RS256"]

_COORDINATE_BYTES: Final = 32


@overload
def read_signing_key(pem: bytes, algorithm: Literal["ES256"]) -> ec.EllipticCurvePrivateKey: ...
@overload
def read_signing_key(pem: bytes, algorithm: Literal["RS256"]) -> rsa.RSAPrivateKey: ...
def read_signing_key(pem: bytes, algorithm: Algorithm) -> SigningKey:
    """The key of this algorithm in an unencrypted PEM file (PKCS 8, or what came before it).

    Raises:
        ValueError: a sentence that says what is wrong; it never quotes the file.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("This is no unencrypted private key in PEM form.") from None
    match algorithm:
        case "ES256":
            if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
                return key
            raise ValueError("The private key must lie on the curve P-256 (prime256v1).")
        case "RS256":
            if isinstance(key, rsa.RSAPrivateKey) and RSA_KEY_BITS_MIN <= key.key_size <= RSA_KEY_BITS_MAX:
                return key
            raise ValueError(f"The private key must be RSA, {RSA_KEY_BITS_MIN} to {RSA_KEY_BITS_MAX} bits long.")


def sign_jwt(header: Mapping[str, Any], claims: Mapping[str, Any], key: SigningKey) -> str:
    """The token in compact form. `header` needs no more than the key's id: `alg` follows from the key, `typ` is JWT.

    An RS256 signature takes about a millisecond: sign seldom.
    """
    algorithm: Algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    head = msgspec.json.encode({"alg": algorithm, **header, "typ": "JWT"})
    signed = f"{encode_base64url(head)}.{encode_base64url(msgspec.json.encode(claims))}"
    return f"{signed}.{encode_base64url(_signature(signed.encode(), key))}"


def _signature(signed: bytes, key: SigningKey) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, PKCS1v15(), SHA256())
    # RFC 7518 section 3.4: r and s one after the other, where the library gives a DER sequence.
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256())))
    return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")
