"""The format of the vault's file, pinned by vectors, and tried with whatever else a file may hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bykilt.json_types import JsonObject
from bykilt.security.envelope import Header, read_header, seal, unseal
from bykilt.security.errors import NewerVault, VaultDamaged, VaultError, WrongMasterKey
from bykilt.security.master_key import MasterKey, MasterKeys, PassphraseParams

VECTORS = Path(__file__).parent / "vectors"
KEY = MasterKeys((MasterKey(bytes(range(32))),))
OTHER = MasterKeys((MasterKey(bytes(32)),))
HEADER = Header(vault_id="0011223344556677", generation=7, key_id="")
DOCUMENT: JsonObject = {"secrets": {"name-of-a-secret": "value-of-a-secret"}}


def opened(content: bytes, keys: MasterKeys = KEY) -> JsonObject:
    return unseal(content, keys, Path("x.vault"), "the test").document


def test_the_vector_of_this_format_opens() -> None:
    content = (VECTORS / "good.vault").read_bytes()
    assert read_header(content, Path("x")) == Header(
        vault_id="0011223344556677", generation=7, key_id=KEY.current.id, version=1
    )
    assert opened(content) == {"secrets": {"name-of-a-secret": "value-of-a-secret"}}


def test_the_vector_of_the_older_format_opens() -> None:
    assert opened((VECTORS / "format-0.vault").read_bytes()) == {"plain": {"openai_api_key": "sk-old"}}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("tampered-token.vault", VaultDamaged),
        ("tampered-head.vault", VaultDamaged),
        ("tampered-key-id.vault", VaultDamaged),
        ("truncated.vault", VaultDamaged),
        ("truncated-head.vault", VaultDamaged),
        ("added.vault", VaultDamaged),
        ("swapped.vault", VaultDamaged),
        ("other-key.vault", WrongMasterKey),
        ("future.vault", NewerVault),
        ("costly-passphrase.vault", VaultDamaged),
        ("empty.vault", VaultDamaged),
    ],
)
def test_a_vector_that_is_not_right_is_refused(name: str, error: type[VaultError]) -> None:
    with pytest.raises(error) as refused:
        opened((VECTORS / name).read_bytes())
    assert refused.value.hint
    assert type(refused.value) is error


def test_every_vector_is_used_here() -> None:
    text = Path(__file__).read_text()
    assert [path.name for path in VECTORS.glob("*.vault") if f'"{path.name}"' not in text] == []


def test_nothing_of_the_content_is_in_the_clear() -> None:
    """Names are hidden, too."""
    content = seal(HEADER, DOCUMENT, KEY)
    assert b"name-of-a-secret" not in content
    assert b"value-of-a-secret" not in content


def test_a_head_tells_of_the_key_no_more_than_its_id() -> None:
    head = json.loads(seal(HEADER, DOCUMENT, KEY).partition(b"\n")[0])
    assert set(head) == {"format", "version", "vault_id", "generation", "key_id"}
    assert len(head["key_id"]) == 16


def test_any_of_several_keys_opens_and_the_first_one_seals() -> None:
    old = seal(HEADER, DOCUMENT, OTHER)
    both = MasterKeys((*KEY.keys, *OTHER.keys))
    assert opened(old, both) == DOCUMENT
    assert opened(seal(HEADER, DOCUMENT, both), KEY) == DOCUMENT


def test_the_parameters_of_a_passphrase_come_back() -> None:
    params = PassphraseParams.fresh()
    content = seal(Header(vault_id="v", generation=1, key_id="", passphrase=params), DOCUMENT, KEY)
    assert read_header(content, Path("x")).passphrase == params


json_values = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=12,
)


@given(document=some.dictionaries(some.text(), json_values, max_size=5), generation=some.integers(0, 2**60))
def test_whatever_is_sealed_comes_back(document: JsonObject, generation: int) -> None:
    header = Header(vault_id="v", generation=generation, key_id="")
    back = unseal(seal(header, document, KEY), KEY, Path("x"), "the test")
    assert back.document == document
    assert back.header.generation == generation


SEALED = seal(HEADER, DOCUMENT, KEY)


def test_no_bit_can_be_changed() -> None:
    """All of them are tried, those without a meaning in base64 too."""
    for place in range(len(SEALED)):
        for bit in range(8):
            changed = bytearray(SEALED)
            changed[place] ^= 1 << bit
            with pytest.raises(VaultError):
                opened(bytes(changed))


@given(place=some.integers(0, len(SEALED)), added=some.binary(min_size=1, max_size=8))
def test_nothing_can_be_added_anywhere(place: int, added: bytes) -> None:
    with pytest.raises(VaultError):
        opened(SEALED[:place] + added + SEALED[place:])


@given(length=some.integers(0, len(SEALED) - 1))
def test_no_beginning_of_a_file_opens(length: int) -> None:
    with pytest.raises(VaultError):
        opened(SEALED[:length])


@given(content=some.binary(max_size=200))
def test_whatever_a_file_holds_the_answer_is_an_error_of_ours(content: bytes) -> None:
    with pytest.raises(VaultError):
        opened(content)


head_fields = some.sampled_from(["format", "version", "vault_id", "generation", "key_id", "passphrase"])


@given(line=some.dictionaries(head_fields, json_values | some.just("bykilt-vault") | some.just(1)))
def test_whatever_a_head_says_the_answer_is_an_error_of_ours(line: JsonObject) -> None:
    head = json.dumps({"format": "bykilt-vault", "version": 1, **line}).encode()
    with pytest.raises(VaultError):
        opened(head + b"\n" + SEALED.partition(b"\n")[2])
