"""One-time codes: the vectors of RFC 6238, appendix B, and the forms in which sites give keys."""

from __future__ import annotations

import base64

import pytest

from bykilt.security.errors import InvalidSecret
from bykilt.security.totp import Totp

_SEEDS = {"SHA1": b"1234567890" * 2, "SHA256": b"1234567890" * 4, "SHA512": b"1234567890" * 7}
_LENGTHS = {"SHA1": 20, "SHA256": 32, "SHA512": 64}
_VECTORS = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]


@pytest.mark.parametrize(("wall_s", "sha1", "sha256", "sha512"), _VECTORS)
def test_the_vectors_of_the_rfc(wall_s: int, sha1: str, sha256: str, sha512: str) -> None:
    for algorithm, expected in (("SHA1", sha1), ("SHA256", sha256), ("SHA512", sha512)):
        key = _SEEDS[algorithm][: _LENGTHS[algorithm]]
        assert Totp(key, digits=8, algorithm=algorithm).code(wall_s) == expected


def test_an_otpauth_address_brings_its_parameters() -> None:
    key = base64.b32encode(_SEEDS["SHA256"][:32]).decode().rstrip("=")
    totp = Totp.parse(f"otpauth://totp/Shop:aiko?secret={key}&issuer=Shop&algorithm=SHA256&digits=8&period=30")
    assert totp.code(59) == "46119246"


@pytest.mark.parametrize(
    "text", ["GEZD GNBV GY3T QOJQ", "gezdgnbvgy3tqojq", "otp:GEZDGNBVGY3TQOJQ", "GEZDGNBVGY3TQOJQ===="]
)
def test_base32_is_read_as_people_copy_it(text: str) -> None:
    assert Totp.parse(text).key == b"1234567890"


@pytest.mark.parametrize(
    "text",
    ["", "not base32!", "otpauth://hotp/x?secret=GEZDGNBV&counter=1", "otpauth://totp/x", "otpauth://totp/x?secret=18",
     "otpauth://totp/x?secret=GEZDGNBV&digits=x", "otpauth://totp/x?secret=GEZDGNBV&digits=99",
     "otpauth://totp/x?secret=GEZDGNBV&algorithm=MD5"],
)  # fmt: skip
def test_what_is_no_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidSecret) as refused:
        Totp.parse(text)
    assert not text or text not in refused.value.explain()


def test_a_key_is_not_printed() -> None:
    assert "1234567890" not in repr(Totp(b"1234567890"))
