"""What is asked for when a run is submitted, and what the run service needs from outside.

Knows the request and the ports. Does not know who fulfils them: `app` wires that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bykilt.browser.engine.browser_engine import BrowserEngine, LaunchContext
from bykilt.browser.engine.secret_text import Secrets
from bykilt.errors import BykiltError, InvalidInput
from bykilt.events.model import FactSink, Failure, Outcome
from bykilt.events.redactor import Redactor
from bykilt.flows.model import Flow
from bykilt.ids import RunId
from bykilt.json_types import JsonObject, JsonValue

if TYPE_CHECKING:
    from bykilt.llm.service_gateway import LLMServiceGateway


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One run that somebody wants.

    `params` are as given (`flows.params.bind_params` checks them at submission). `source` says where the flow
    came from, for people; by default what the flow itself says. `engine` None leaves the choice to the flow,
    then to the settings. `timeout_s` None leaves it to the flow, then to the settings. `launch` holds any
    further settings of the browser; `headed`, `trace`, `har`, `video` and the flow's own wishes are put on top.
    A flow may upload what lies in its own folder and in the run's, files that were handed in as parameters, and
    what `upload_folders` holds; `launch.upload_folders` takes the place of all of these. `sandbox` names a profile of
    `sandbox_file`, or of the home's `sandbox.yaml`; without it, the flow may ask for one. What `launch` says about the
    sandbox goes before the profile, and its hosts are added to those of the profile. `owner` is the trust domain: what
    a language model is told for one owner never reaches another one. `replay_llm` names an earlier run (its id, the
    first letters of it, or `latest`) whose recorded answers are used in place of a model; `replay_llm_loosely` also
    where something else is asked.
    """

    flow: Flow
    params: Mapping[str, JsonValue] = field(default_factory=dict)
    source: str | None = None
    engine: str | None = None
    headed: bool = False
    timeout_s: float | None = None
    trace: bool = True
    har: str | None = None
    video: bool = False
    upload_folders: tuple[Path, ...] = ()
    sandbox: str | None = None
    sandbox_file: Path | None = None
    launch: LaunchContext | None = None
    owner: str = "default"
    replay_llm: str | None = None
    replay_llm_loosely: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a flow came to its end."""

    outcome: Outcome
    failure: Failure | None = None
    failed_step: str | None = None
    outputs: JsonObject = field(default_factory=dict)


class Secrecy(Protocol):
    """What runs may know of secrets, and how they keep them out of what they write."""

    @property
    def redactor(self) -> Redactor:
        """Masks what is secret."""

    async def learn(self, names: Sequence[str]) -> None:
        """Be ready for a run that uses these secrets.

        Raises:
            BykiltError: They cannot be had.
        """

    async def learn_all(self) -> None:
        """Be ready for a run that tells what pages say to somebody: everything that is secret is hidden from now on.

        Raises:
            BykiltError: It cannot be known what is secret.
        """

    def secrets_for(self, run_id: RunId, flow: str) -> Secrets:
        """Return what hands out the secrets of one run."""
        ...

    def clean(self, file: Path) -> None:
        """Mask a text file that something else has written."""


class EngineFactory(Protocol):
    """Makes an engine, not yet launched, whose facts and files belong to one run."""

    def __call__(self, name: str, facts: FactSink, artifact_dir: Path) -> BrowserEngine: ...


class TraceWriter(Protocol):
    """Writes `trace.zip` into a run folder from its events and returns its path. Waits for the disk.

    Raises:
        BykiltError: It could not be written.
    """

    def __call__(self, run_dir: Path) -> Path: ...


class Models(Protocol):
    """Gives the gateway to language models of this process; called by the first run that asks one."""

    def __call__(self) -> LLMServiceGateway: ...


class ServiceNotRunning(BykiltError):
    code = "service_not_running"

    def __init__(self) -> None:
        super().__init__(
            "the run service takes no runs now", hint="use it inside `async with`, and before that block ends"
        )


class RunElsewhere(InvalidInput):
    """The run belongs to another process, which alone can tell or end it."""

    code = "run_elsewhere"

    def __init__(self, run_id: RunId, pid: int) -> None:
        super().__init__(f"run {run_id} is carried out by process {pid}", hint="press Ctrl-C there to end it")
