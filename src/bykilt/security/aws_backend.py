"""Secrets in AWS Secrets Manager.

A secret is at `path/name`. Each version carries the stage `bykilt-N`, which keeps it and gives it its number, beside
AWS's own AWSCURRENT and AWSPREVIOUS; the note is the description. The only module that imports `boto3`
(`pip install "bykilt[aws]"`), which finds region and credentials as it always does.

Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from bykilt.security.backend import SecretFacts, StoredSecret
from bykilt.security.document import MAX_VERSIONS
from bykilt.security.errors import BackendRefused, BackendUnavailable, SecretNotFound, VaultDamaged, VersionConflict
from bykilt.security.remote_secret import Note, stored_secret, version_document
from bykilt.security.secret import SecretPolicy, check_value
from bykilt.storage.errors import StorageError
from bykilt.storage.json_document import compact_json, decode_object

_STAGE = "bykilt-"
_CURRENT = "AWSCURRENT"
_RECOVERY_DAYS = 30
_ATTEMPTS = 5
"""How often a write is tried again when somebody else came first."""
# Codes that mean "no" and not "not now".
_REFUSALS = {"AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "DecryptionFailure"}
# A version with that number is there with another value; or the stage is not where it was a moment ago.
_CAME_SECOND = {"ResourceExistsException", "InvalidParameterException"}
_TOKENS = uuid.UUID("6f1c2f0e-5f43-4a55-9b0b-62796b696c74")


class AwsBackend:
    """One path in one region of one account."""

    name = "aws"

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        retries: Any = {"total_max_attempts": 1, "mode": "standard"}
        config = Config(connect_timeout=timeout_s, read_timeout=timeout_s, retries=retries)
        with self._explained(""):
            self._client: Any = boto3.client("secretsmanager", config=config)

    def read_now(self, name: str) -> StoredSecret | None:
        return None

    def read(self, name: str, version: int | None = None) -> StoredSecret:
        stage = _CURRENT if version is None else f"{_STAGE}{version}"
        with self._explained(name, version):
            answer = self._client.get_secret_value(SecretId=self._id(name), VersionStage=stage)
        return self._stored(name, _number(answer.get("VersionStages", [])) or version or 1, answer)

    def read_all(self) -> Sequence[StoredSecret]:
        found = []
        for name in self.names():
            described = self._described(name)
            found += [self.read(name, number) for number in _versions(described)]
        return found

    def put(
        self,
        name: str,
        value: str,
        *,
        policy: SecretPolicy | None,
        expires_s: float | None,
        expected_version: int | None,
    ) -> int:
        for _ in range(_ATTEMPTS):
            described = self._described_or_nothing(name)
            current = _current(described)
            if expected_version is not None and expected_version != current:
                raise VersionConflict(name, expected_version, current)
            try:
                return self._put(name, value, policy, expires_s, described)
            except _CameSecond:
                continue
        raise BackendRefused(f"AWS {self._id(name)} is written all the time", hint="try again later")

    def _put(
        self, name: str, value: str, policy: SecretPolicy | None, expires_s: float | None, described: Mapping[str, Any]
    ) -> int:
        note, versions = _note(described), _versions(described)
        if policy is None:
            check_value(value, note.policy.kind)
        kept = replace(note, policy=policy or note.policy, expires_s=expires_s)
        content = compact_json(version_document(value, kept.policy, expires_s))
        # A version that was written and never became the current one keeps its number.
        number = max(versions, default=0) + 1
        self._write(name, described, number, content, kept)
        for oldest in versions[: max(0, len(versions) + 1 - MAX_VERSIONS)]:
            self._let_go(name, oldest, described)
        return number

    def delete(self, name: str, *, for_good: bool) -> None:
        described = self._described(name)
        if "DeletedDate" in described and not for_good:
            raise SecretNotFound(name, deleted=True)
        how: Mapping[str, Any] = {"RecoveryWindowInDays": _RECOVERY_DAYS}
        if for_good:
            how = {"ForceDeleteWithoutRecovery": True}
        with self._explained(name):
            self._client.delete_secret(SecretId=self._id(name), **how)

    def undelete(self, name: str) -> None:
        with self._explained(name):
            self._client.restore_secret(SecretId=self._id(name))

    def names(self, *, deleted: bool = False) -> Sequence[str]:
        prefix = self._id("")
        with self._explained(""):
            pages = self._client.get_paginator("list_secrets").paginate(
                IncludePlannedDeletion=deleted, Filters=[{"Key": "name", "Values": [prefix]}] if prefix else []
            )
            listed = [entry for page in pages for entry in page["SecretList"]]
        return sorted(
            entry["Name"].removeprefix(prefix)
            for entry in listed
            if entry["Name"].startswith(prefix) and (deleted or "DeletedDate" not in entry)
        )

    def facts(self, name: str) -> SecretFacts:
        described = self._described(name)
        note, versions = _note(described), _versions(described)
        return SecretFacts(
            name=name,
            version=_current(described) or 1,
            versions=tuple(versions),
            created_s=_seconds(described.get("CreatedDate")),
            updated_s=_seconds(described.get("LastChangedDate")),
            access_count=note.access_count,
            accessed_s=note.accessed_s,
            expires_s=note.expires_s,
            deleted_s=_seconds(described.get("DeletedDate")),
            policy=note.policy,
        )

    def count_reads(self, reads: dict[str, tuple[int, float]]) -> None:
        for name, (count, last_s) in reads.items():
            try:
                note = _note(self._described(name)).with_reads(count, last_s)
                with self._explained(name):
                    self._client.update_secret(SecretId=self._id(name), Description=note.text())
            except SecretNotFound:
                pass  # deleted since it was read

    def close(self) -> None:
        self._client.close()

    # ---- inside

    def _id(self, name: str) -> str:
        return f"{self._path}/{name}" if self._path else name

    def _described(self, name: str) -> Mapping[str, Any]:
        with self._explained(name):
            answer: Mapping[str, Any] = self._client.describe_secret(SecretId=self._id(name))
        return answer

    def _described_or_nothing(self, name: str) -> Mapping[str, Any]:
        try:
            return self._described(name)
        except SecretNotFound:
            return {}

    def _write(self, name: str, described: Mapping[str, Any], number: int, content: str, note: Note) -> None:
        # The same token with another content is refused by AWS: of two writers of version N, one comes second.
        token = str(uuid.uuid5(_TOKENS, f"{self._id(name)} {number}"))
        with self._explained(name, writes=True):
            if "DeletedDate" in described:
                self._client.restore_secret(SecretId=self._id(name))
            if not described:
                self._client.create_secret(Name=self._id(name), Description=note.text())
            self._client.put_secret_value(
                SecretId=self._id(name),
                SecretString=content,
                ClientRequestToken=token,
                VersionStages=[f"{_STAGE}{number}"],
            )
        self._make_current(name, number, token)
        with self._explained(name):
            self._client.update_secret(SecretId=self._id(name), Description=note.text())

    def _make_current(self, name: str, number: int, token: str) -> None:
        """Move AWSCURRENT to a version, unless it is at a later one; whoever moved it meanwhile is no hindrance."""
        for _ in range(_ATTEMPTS):
            described = self._described(name)
            holder = _holder(described, _CURRENT)
            if holder is None or holder == token or _current(described) > number:
                return  # the first version becomes the current one by itself
            try:
                with self._explained(name, writes=True):
                    self._client.update_secret_version_stage(
                        SecretId=self._id(name),
                        VersionStage=_CURRENT,
                        MoveToVersionId=token,
                        RemoveFromVersionId=holder,
                    )
                return
            except _CameSecond:
                continue
        raise BackendRefused(f"AWS {self._id(name)} is written all the time", hint="try again later")

    def _let_go(self, name: str, number: int, described: Mapping[str, Any]) -> None:
        """Take the stage from a version, which AWS then removes in its own time."""
        stage = f"{_STAGE}{number}"
        holder = _holder(described, stage)
        if holder is not None:
            with self._explained(name):
                self._client.update_secret_version_stage(
                    SecretId=self._id(name), VersionStage=stage, RemoveFromVersionId=holder
                )

    def _stored(self, name: str, version: int, answer: Mapping[str, Any]) -> StoredSecret:
        try:
            document = decode_object(answer.get("SecretString", ""))
        except StorageError:
            raise VaultDamaged(f"AWS {self._id(name)}", "it holds no document of bykilt") from None
        return stored_secret(name, version, document, f"AWS {self._id(name)}")

    @contextmanager
    def _explained(self, name: str, version: int | None = None, *, writes: bool = False) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == "ResourceNotFoundException":
                raise SecretNotFound(name, version=version) from None
            if code == "InvalidRequestException" and "delet" in str(error):
                raise SecretNotFound(name, deleted=True) from None
            if writes and code in _CAME_SECOND:
                raise _CameSecond from None
            kind = BackendRefused if code in _REFUSALS else BackendUnavailable
            raise kind(f"AWS Secrets Manager answers {code} for {self._id(name)!r}", hint=_HINT) from error
        except (NoCredentialsError, NoRegionError) as error:
            raise BackendRefused(f"AWS Secrets Manager: {error}", hint=_HINT) from error
        except BotoCoreError as error:
            raise BackendUnavailable(
                f"AWS Secrets Manager does not answer within {self._timeout_s:g} s: {type(error).__name__}",
                hint="check network and region; BYKILT_VAULT_TIMEOUT_S waits longer",
            ) from error


_HINT = "check AWS_REGION, the credentials, and that they may read and write secrets below the path"


class _CameSecond(Exception):
    """Somebody else has written that version."""


def _note(described: Mapping[str, Any]) -> Note:
    return Note.parse(described.get("Description", ""))


def _versions(described: Mapping[str, Any]) -> list[int]:
    stages = described.get("VersionIdsToStages", {})
    return sorted(number for each in stages.values() if (number := _number(each)))


def _holder(described: Mapping[str, Any], stage: str) -> str | None:
    """Return the id of the version that carries a stage."""
    return next((key for key, stages in described.get("VersionIdsToStages", {}).items() if stage in stages), None)


def _current(described: Mapping[str, Any]) -> int:
    """Return the number of the current version; 0 if there is none."""
    return next((_number(s) or 0 for s in described.get("VersionIdsToStages", {}).values() if _CURRENT in s), 0)


def _number(stages: Sequence[str]) -> int | None:
    found = [int(stage.removeprefix(_STAGE)) for stage in stages if stage.startswith(_STAGE)]
    return max(found, default=None)


def _seconds(moment: Any) -> float | None:
    return None if moment is None else float(moment.timestamp())
