"""Sandbox profiles in a file of JSON or YAML.

Knows the schema and how profiles build on each other. Does not know what the settings of a policy demand of each
other (`profile`), what a flow may hold (`flow_profile`), nor where the file is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from bykilt.browser.sandbox.profile import (
    LIMIT_RANGES,
    MIB,
    BrowserFlavor,
    FilesystemMode,
    NetworkMode,
    SandboxLimits,
    SandboxProfile,
)
from bykilt.documents.door import Identifier, ProblemList, Strict, read_model
from bykilt.documents.json_schema import model_schema
from bykilt.documents.problems import DocumentError, Problem, nearest, pointer_to
from bykilt.documents.reading import DocumentKind, parse, read_file
from bykilt.errors import InvalidInput
from bykilt.json_types import JsonObject, JsonValue

SCHEMA_VERSION = 1
_FILE = DocumentKind("profile file", "a file of profiles has a few lines for each; look for what is in it by mistake")
HOSTS_HELP = (
    "hosts that may be reached: example.com, *.example.com (hosts below it), example.com:8443, 127.0.0.1:8000, "
    "localhost:8000, private:intranet.example (may lead to private addresses); ports are 80 and 443 unless named"
)


class ProfileError(DocumentError):
    """A file of profiles cannot be used; `problems` has every reason."""

    code: ClassVar[str] = "invalid_sandbox_profile"

    def __init__(
        self, problems: Sequence[Problem], *, hint: str = "the schema of sandbox profiles: bykilt sandbox schema"
    ) -> None:
        super().__init__(problems, hint=hint)


def _mib(limit: str, description: str) -> Any:
    least, most = LIMIT_RANGES[limit]
    return Field(default=None, ge=max(1, int(least) // MIB), le=int(most) // MIB, description=description)


class LimitsModel(Strict):
    """What the browser may use up, all its processes together; a MiB is 1,048,576 bytes."""

    memory_mib: int | None = _mib("memory_bytes", "memory, with all that lies in tmp, shm and home")
    processes: int | None = Field(
        default=None,
        ge=int(LIMIT_RANGES["processes"][0]),
        le=int(LIMIT_RANGES["processes"][1]),
        description="processes and threads",
    )
    cpus: float | None = Field(
        default=None,
        ge=LIMIT_RANGES["cpus"][0],
        le=LIMIT_RANGES["cpus"][1],
        description="processors; 0.5 is half of one",
    )
    tmp_mib: int | None = _mib("tmp_bytes", "temporary files")
    shm_mib: int | None = _mib("shm_bytes", "shared memory")
    home_mib: int | None = _mib("home_bytes", "the browser's own profile and cache")
    download_mib: int | None = _mib("download_bytes", "one downloaded file")

    def limits(self) -> SandboxLimits:
        """Return the limits, those that are not given at their default."""
        return _limits(self.model_dump(exclude_none=True))


class ProfileModel(Strict):
    """One policy. What is left out is at its default, or as in the profile that it extends."""

    description: str = ""
    extends: Identifier | None = Field(
        default=None, description="another profile of this file; hosts and folders are added to those of it"
    )
    enabled: bool = Field(default=True, description="false takes the whole sandbox away")
    network: NetworkMode | None = Field(
        default=None,
        strict=False,
        description="none, restricted to the allowed hosts, open to every public host, or host: without isolation; "
        "default: restricted when hosts are named, else open",
    )
    allowed_hosts: list[str] = Field(default_factory=list, description=HOSTS_HELP)
    filesystem: FilesystemMode = Field(default=FilesystemMode.READONLY, strict=False)
    upload_folders: list[Annotated[str, Field(min_length=1)]] | None = Field(
        default=None,
        description="the only folders that uploads may come from, beside files that are handed in as parameters; "
        "a relative path starts at this file's folder",
    )
    seccomp: bool = Field(default=True, description="filter system calls")
    apparmor: bool | None = Field(
        default=None, description="demand AppArmor's profile, or do without; null uses it where it is loaded"
    )
    webgl: bool = Field(default=False, description="start the software rasteriser, which WebGL needs")
    browser: BrowserFlavor = Field(default=BrowserFlavor.CHROMIUM, strict=False, description="which build of Chromium")
    limits: LimitsModel = Field(default_factory=LimitsModel)


class ProfileFileModel(Strict):
    """Sandbox profiles: named policies for browsers."""

    schema_: str | None = Field(default=None, alias="$schema", description="for editors; not looked at")
    schema_version: int = Field(description="version of this schema", json_schema_extra={"const": SCHEMA_VERSION})
    profiles: dict[Identifier, ProfileModel]


@dataclass(frozen=True, slots=True)
class NamedProfile:
    """A policy with the name and the words that its file gives it."""

    name: str
    description: str
    profile: SandboxProfile


def load_profiles(path: Path) -> Mapping[str, NamedProfile]:
    """Return the profiles of a file by their names, in its order.

    Raises:
        ProfileError: The file cannot be read, or some of it cannot be used; `problems` lists every reason.
    """
    try:
        document = parse(read_file(path, _FILE), str(path), _FILE)
    except DocumentError as error:
        raise ProfileError(error.problems) from None
    problems = ProblemList(str(path))
    profiles = _read_profiles(document, path.absolute().parent, problems)
    if problems.found:
        raise ProfileError(problems.found)
    return profiles


def profiles_schema() -> JsonObject:
    """Return the JSON Schema (draft 2020-12) of a file of profiles."""
    defs: dict[str, Any] = {}
    schema = model_schema(ProfileFileModel, defs)
    schema["properties"]["profiles"]["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bykilt sandbox profiles",
        **schema,
        "$defs": {name: defs[name] for name in sorted(defs)},
    }


def try_profile(pointer: str, problems: ProblemList, **settings: Any) -> SandboxProfile | None:
    """Return `SandboxProfile.of` the settings; None after noting why there is no such policy."""
    try:
        return SandboxProfile.of(**settings)
    except InvalidInput as error:
        problems.add(pointer, error.message, error.hint)
        return None


def _read_profiles(document: JsonValue, folder: Path, problems: ProblemList) -> Mapping[str, NamedProfile]:
    if not isinstance(document, Mapping):
        problems.add("", "a file of profiles is an object", 'for instance {"schema_version": 1, "profiles": { … }}')
        return {}
    model = read_model(ProfileFileModel, document, "", problems)
    if model is None:
        return {}
    if model.schema_version != SCHEMA_VERSION:
        known = f"this bykilt reads version {SCHEMA_VERSION}"
        problems.add("/schema_version", f"unknown version {model.schema_version} of the schema", known)
        return {}
    found: dict[str, NamedProfile] = {}
    for name, given in model.profiles.items():
        settings = _settings_of(name, model.profiles, problems)
        profile = None if settings is None else _build(name, settings, folder, problems)
        if profile is not None:
            found[name] = NamedProfile(name, given.description, profile)
    return found


def _settings_of(
    name: str, models: Mapping[str, ProfileModel], problems: ProblemList, above: tuple[str, ...] = ()
) -> dict[str, Any] | None:
    """Return what a profile says together with those that it extends; None after noting why that cannot be."""
    own = models[name].model_dump(exclude_unset=True, exclude_none=True)
    parent = own.pop("extends", None)
    own.pop("description", None)
    if parent is None:
        return own
    pointer = pointer_to("/profiles", name, "extends")
    if parent not in models:
        if not above:  # the profile that names it tells of it, not each that builds on that one
            problems.add(pointer, f"there is no profile {parent!r}", nearest(parent, models, "the profiles"))
        return None
    chain = (*above, name)
    if parent in chain:
        if parent == chain[0]:  # of a circle elsewhere, its own profiles tell
            problems.add(pointer, f"profiles extend each other in a circle: {' → '.join((*chain, parent))}")
        return None
    inherited = _settings_of(parent, models, problems, chain)
    return None if inherited is None else _over(inherited, own)


def _over(inherited: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**inherited, **own}
    # A profile that reaches nothing, or everything, has no use for the hosts of the one below.
    if own.get("network") in (NetworkMode.NONE, NetworkMode.HOST):
        inherited = {key: value for key, value in inherited.items() if key != "allowed_hosts"}
        merged["allowed_hosts"] = own.get("allowed_hosts", [])
    for key in ("allowed_hosts", "upload_folders"):
        if key in inherited:
            merged[key] = [*inherited[key], *own.get(key, ())]
    if "limits" in inherited:
        merged["limits"] = {**inherited["limits"], **own.get("limits", {})}
    return merged


def _build(name: str, settings: dict[str, Any], folder: Path, problems: ProblemList) -> SandboxProfile | None:
    pointer = pointer_to("/profiles", name)
    limits = settings.pop("limits", None)
    folders = settings.pop("upload_folders", None)
    return try_profile(
        pointer,
        problems,
        limits=None if limits is None else _limits(limits),
        upload_folders=None if folders is None else [folder / Path(path).expanduser() for path in folders],
        **settings,
    )


def _limits(given: Mapping[str, Any]) -> SandboxLimits:
    return SandboxLimits(
        **{
            name.replace("_mib", "_bytes"): value * MIB if name.endswith("_mib") else value
            for name, value in given.items()
        }
    )
