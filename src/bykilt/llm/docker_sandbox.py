"""The container that the model runs in: its life, and calls to it, one at a time.

Knows the order of things: make, look at it, attach, start, hear what it says of itself, and only then ask. The walls
are in `policy`, the lines in `protocol`, the daemon in `docker_client`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import ByteStream, SocketStream, UNIXSocketStream

from bykilt.errors import BykiltError, InvalidInput
from bykilt.llm import owners
from bykilt.llm.added_models import AddedModel, AddedModels
from bykilt.llm.calls import MODEL, Call, Completion, LocalEngine, Prompt
from bykilt.llm.conversation import Conversation, StreamEnded
from bykilt.llm.daemon import connect
from bykilt.llm.errors import (
    CallRefused,
    CallTimedOut,
    ImageMissing,
    LLMError,
    ProtocolViolation,
    RuntimeMissing,
    SandboxRefused,
    WorkerCrashed,
)
from bykilt.llm.image_contents import image_name
from bykilt.llm.outside import Exchange, Outside
from bykilt.llm.policy import MODEL_PLACE, UID, SandboxPolicy, memory_bytes
from bykilt.llm.protocol import MAX_LINE_BYTES, Done, Refusal, encode
from bykilt.llm.providers import LOCAL
from bykilt.llm.worker_endings import why_ended
from bykilt.settings import Settings

if TYPE_CHECKING:
    import socket

    from bykilt.llm.docker_client import DockerClient

_START_TIMEOUT_S = 60.0
# How long a worker may take to stop in the middle of an answer; beyond that its container is killed.
_CANCEL_PATIENCE_S = 2.0
_PING_PATIENCE_S = 5.0
_PONG_BYTES = 256


class DockerLLMSandbox:
    """A model without network, files or programs. `start` it, `invoke_llm`, `stop` it.

    A container that timed out, crashed or broke the protocol is gone; `start` makes another.
    """

    def __init__(
        self,
        image: str | None = None,
        network_mode: str = "none",
        cpu_quota: int = 100_000,
        memory_limit: str = "512m",
        enable_seccomp: bool = True,
        enable_apparmor: bool = True,
        *,
        runtime: str | None = None,
        model: str = MODEL,
        outside: Outside | None = None,
        home: Path | None = None,
        engine: LocalEngine = LocalEngine.CYLLAMA,
    ) -> None:
        """Take the limits: `cpu_quota` microseconds of processor in 100,000, `memory_limit` like `512m`.

        Without `image`, the one that `bykilt llm build` makes. With `outside` no model is loaded in the container:
        calls are asked of a provider, and what the worker wants for them of the world outside is `outside`'s decision.
        `engine` is the library that runs the model. One that was added in the `home` (the environment's by default) is
        mounted, and has the memory that it was added with, if that is more.

        Raises:
            InvalidInput: A limit cannot be used, there is no such model, or there would be a network.
        """
        if network_mode != "none":
            raise InvalidInput(
                f"network_mode={network_mode!r}: the model's container never has a network", hint="leave it at 'none'"
            )
        self.image = image or image_name()
        self.model = model
        self._outside = outside
        self.provider = outside.name if outside is not None else LOCAL
        self._engine = engine
        self._added: AddedModel | None = None
        memory = memory_bytes(memory_limit)
        if model != MODEL and outside is None:
            self._added = AddedModels(home or Settings.from_environment().home).find(model)
            memory = max(memory, memory_bytes(self._added.memory))
        self.policy = SandboxPolicy(
            memory=memory,
            cpu_quota=cpu_quota,
            seccomp=enable_seccomp,
            apparmor=enable_apparmor,
            runtime=runtime,
        )
        self._docker: DockerClient | None = None
        self._container: str | None = None
        self._attached: socket.socket | None = None
        self._talk: Conversation | None = None
        self._lock = anyio.Lock()
        self._life = anyio.Lock()
        self._has_apparmor = False
        self._limits: dict[str, Any] = {}
        self._counts = {"calls": 0, "failed_calls": 0, "starts": 0, "prompt_tokens": 0, "completion_tokens": 0}

    @property
    def is_running(self) -> bool:
        """Whether there is a container that can be asked."""
        return self._talk is not None

    @property
    def is_prepared(self) -> bool:
        """Whether a container came up that nobody has listened to yet."""
        return self._attached is not None

    async def start(self) -> None:
        """Start the container and make sure that it is held; containers whose process has died are removed first.

        Raises:
            DockerUnavailable, ImageMissing, RuntimeMissing: Something is missing on this machine.
            SandboxRefused: A wall does not stand; the container was removed.
            WorkerCrashed, ProtocolViolation: It did not come up.
        """
        async with self._life:
            if not self.is_running:
                await self._start()

    def prepare(self) -> None:
        """Have a container come up that nobody listens to yet; `start` then has little left to wait for.

        Blocks, and may be called in any thread, but not while `start` or `stop` runs. What the container says waits in
        its socket until `start` judges it.

        Raises:
            DockerUnavailable, ImageMissing, DockerFailed, SandboxRefused: As `start` does; nothing is left.
        """
        try:
            self._docker = connect()
            container, self._attached = self._make(self._docker)
            self._docker.start(container)
        except BaseException:
            self.discard()
            raise

    async def _start(self) -> None:
        try:
            with anyio.fail_after(_START_TIMEOUT_S):
                if self._attached is None:
                    await anyio.to_thread.run_sync(self.prepare)
                assert self._attached is not None
                self._talk = talk = Conversation(await _as_stream(self._attached))
                self._attached = None
                await self._hear_ready(talk)
        except TimeoutError:
            await self._destroy()
            raise WorkerCrashed(f"the container was not ready within {_START_TIMEOUT_S:g} s") from None
        except BaseException:
            await self._destroy()
            raise
        self._counts["starts"] += 1

    async def stop(self) -> None:
        """Kill and remove the container; one that is being started is waited for first."""
        async with self._life:
            await self._destroy()

    async def invoke_llm(
        self,
        prompt: Prompt,
        context: Mapping[str, Any] | None = None,
        *,
        schema: Mapping[str, Any] | None = None,
        on_token: Callable[[str], None] | None = None,
    ) -> Completion:
        """Return the answer to a prompt; `on_token` is given each piece of it as it comes.

        Whoever is cancelled while waiting leaves a worker that has stopped, or none.

        Raises:
            InvalidInput: The prompt, the context or the schema cannot be used.
            CallTimedOut, WorkerCrashed, ProtocolViolation: There is no answer, and no container any more.
        """
        return await self.answer(Call.parse(prompt, context, schema), on_token)

    async def answer(self, asked: Call, on_token: Callable[[str], None] | None = None) -> Completion:
        """Do the same for a call that was read already.

        Raises:
            InvalidInput: It asks for another model, or is too large.
            CallTimedOut, WorkerCrashed, ProtocolViolation: There is no answer, and no container any more.
        """
        if self._outside is None and asked.options.model not in (None, self.model):
            raise InvalidInput(
                f"there is no model {asked.options.model!r} in the sandbox",
                hint=f"leave `model` out, or give {self.model!r}",
            )
        call = secrets.token_hex(8)
        request, exchange = asked.request(call, stream=on_token is not None), None
        if self._outside is not None:
            request, exchange = self._outside.open(asked, call, stream=on_token is not None)
        line = encode(request)
        if len(line) > MAX_LINE_BYTES:
            raise InvalidInput("the call is too large", hint="shorten the prompt or the schema")
        async with self._lock:
            self._counts["calls"] += 1
            try:
                said = await self._hold_talk(asked, call, line, on_token, exchange)
                done = _local_outcome(said) if exchange is None else exchange.outcome(said)
            except ProtocolViolation:
                await self._destroy()
                self._counts["failed_calls"] += 1
                raise
            except BykiltError:
                self._counts["failed_calls"] += 1
                raise
            finally:
                if exchange is not None:
                    await exchange.close()
        self._counts["prompt_tokens"] += done.prompt_tokens
        self._counts["completion_tokens"] += done.completion_tokens
        return done

    async def _hold_talk(
        self, asked: Call, call: str, line: bytes, on_token: Callable[[str], None] | None, exchange: Exchange | None
    ) -> Done | Refusal:
        """Return what the worker says at the end; where that is not known, there is no container any more."""
        talk, deadline_s = self._talk, asked.options.deadline_s
        if talk is None:
            raise _stopped()
        most = asked.max_output_bytes
        # With a provider the worker writes its request too, and what may come in, in longer letters and twice.
        talk.allow(most if exchange is None else MAX_LINE_BYTES + 8 * most)
        try:
            with anyio.fail_after(deadline_s):
                return await talk.ask(call, line, on_token, exchange)
        except TimeoutError:
            if exchange is not None and exchange.is_waiting:
                await self._stop_answering(call)
                raise exchange.too_late() from None
            await self._destroy()
            raise CallTimedOut(deadline_s) from None
        except anyio.get_cancelled_exc_class():
            await self._stop_answering(call)
            raise
        except StreamEnded:
            try:
                raise await self._ended() from None
            finally:
                await self._destroy()
        except BaseException:
            await self._destroy()
            raise

    async def ping(self) -> None:
        """Return once the worker has said that it is there; one that does not is killed.

        Raises:
            CallTimedOut, WorkerCrashed, ProtocolViolation: It is not there, and there is no container any more.
        """
        async with self._lock:
            if self._talk is None:
                raise _stopped()
            self._talk.allow(_PONG_BYTES)
            try:
                # Not to be cancelled: an answer that comes later would be taken for one to the next call.
                with anyio.fail_after(_PING_PATIENCE_S, shield=True):
                    await self._talk.ping(secrets.token_hex(8))
            except TimeoutError:
                await self._destroy()
                raise CallTimedOut(_PING_PATIENCE_S) from None
            except StreamEnded:
                try:
                    raise await self._ended() from None
                finally:
                    await self._destroy()
            except BaseException:
                await self._destroy()
                raise

    def get_metrics(self) -> dict[str, Any]:
        """Return what holds the container, as the daemon and the worker say it, and what was done in it."""
        policy = self.policy
        return {
            "container_id": self._container,
            "running": self.is_running,
            "image": self.image,
            "model": self.model,
            "engine": str(self._engine) if self._outside is None else None,
            "network_mode": "none",
            "resource_limits": {
                "memory_bytes": policy.memory,
                "cpu_quota": policy.cpu_quota,
                "pids": policy.host_pids,
                "tmp_bytes": policy.tmp,
            },
            # Wanted is not the same as in force: a kernel without AppArmor has none.
            "security": policy.told(has_apparmor=self._has_apparmor) | {"second_filter": self.is_running},
            "attested": dict(self._limits),
            **self._counts,
        }

    # --- life of the container; all but `_destroy` run in a worker thread ---

    def _make(self, client: DockerClient) -> tuple[str, socket.socket]:
        """Make the container, look at how the daemon has made it, and attach to it."""
        for container, mark in client.labelled(owners.LABEL).items():
            if owners.is_orphan(mark):
                client.remove(container)
        image = client.image(self.image)
        if image is None:
            raise ImageMissing(self.image)
        if self.policy.runtime is not None and self.policy.runtime not in client.runtimes():
            raise RuntimeMissing(self.policy.runtime)
        if self._added is not None:
            self.policy = replace(self.policy, model=self._added.checked())
        self._has_apparmor = client.has_apparmor()
        # By its id: a name could mean another image a moment later.
        self._container = client.create(self._configuration(image.id))
        inspected = client.inspect(self._container)
        if differences := self.policy.differences_set(inspected, has_apparmor=self._has_apparmor):
            raise SandboxRefused(differences)
        return self._container, client.attach(self._container)

    def _configuration(self, image_id: str) -> dict[str, Any]:
        return {
            "Image": image_id,
            "User": f"{UID}:{UID}",
            "Env": [f"{name}={value}" for name, value in self._environment().items()],
            "OpenStdin": True,
            # The end of our connection is the end of its input, and then the worker ends itself.
            "StdinOnce": True,
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "NetworkDisabled": True,
            "Labels": {owners.LABEL: owners.own_mark()},
            "HostConfig": self.policy.host_config(has_apparmor=self._has_apparmor),
        }

    def _environment(self) -> Mapping[str, str]:
        if self._outside is not None:
            return self._outside.environment
        asked = {"BYKILT_ENGINE": str(self._engine)}
        if self._added is not None:
            asked |= {"BYKILT_MODEL": MODEL_PLACE, "BYKILT_CONTEXT_TOKENS": str(self._added.context_tokens)}
        return asked

    async def _destroy(self) -> None:
        """Leave nothing: no stream, no container. Shielded, and bounded by the daemon client's own timeouts."""
        with anyio.CancelScope(shield=True):
            held, talk = self._take_held(), self._talk
            self._talk = None
            if talk is not None:
                await talk.close()
            await anyio.to_thread.run_sync(_remove, *held)

    def discard(self) -> None:
        """Remove the container at once. Blocks, and may be called in any thread while nothing else is asked of this.

        The stream is left to `stop`, which belongs to the event loop.
        """
        _remove(*self._take_held())

    def _take_held(self) -> tuple[DockerClient | None, str | None, socket.socket | None]:
        held = self._docker, self._container, self._attached
        self._docker = self._container = self._attached = None
        return held

    # --- talking ---

    async def _hear_ready(self, talk: Conversation) -> None:
        try:
            message = await talk.hear_ready()
        except StreamEnded:
            raise await self._ended() from None
        if differences := self.policy.differences_seen(message.limits, second_filter=message.second_filter):
            raise SandboxRefused(differences)
        self._limits = message.limits

    async def _ended(self) -> LLMError:
        if self._docker is None or self._container is None:
            return _stopped()
        said = self._talk.stderr if self._talk is not None else ""
        return await anyio.to_thread.run_sync(
            why_ended, self._docker, self._container, said, self.policy.memory, self.model
        )

    async def _stop_answering(self, call: str) -> None:
        """Have the worker stop in the middle of an answer; one that does not is killed."""
        has_stopped = False
        with anyio.move_on_after(_CANCEL_PATIENCE_S, shield=True):
            try:
                if self._talk is not None:
                    await self._talk.stop(call)
                    has_stopped = True
            except (StreamEnded, ProtocolViolation):
                pass
        if not has_stopped:
            await self._destroy()


def _local_outcome(said: Done | Refusal) -> Completion:
    if isinstance(said, Refusal):
        raise CallRefused(f"the model cannot do this: {said.message}")
    return Completion(said.text, said.finish, said.prompt_tokens, said.completion_tokens)


def _stopped() -> WorkerCrashed:
    return WorkerCrashed("the sandbox is not running", hint="start it first")


def _remove(client: DockerClient | None, container: str | None, attached: socket.socket | None) -> None:
    if attached is not None:
        attached.close()
    if client is not None:
        try:
            if container is not None:
                client.remove(container)
        finally:
            client.close()


async def _as_stream(attached: socket.socket) -> ByteStream:
    kind = UNIXSocketStream if attached.family.name == "AF_UNIX" else SocketStream
    return await kind.from_socket(attached)
