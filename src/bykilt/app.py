"""The composition root: puts the parts together, and is the only module that names every concrete class.

Knows which part needs which. Does nothing by itself. Parts are imported when they are asked for, so that a
command pays only for what it uses.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import move_on_after

from bykilt.settings import Settings
from bykilt.storage.home import Home

if TYPE_CHECKING:
    from bykilt.browser.engine.browser_engine import BrowserEngine
    from bykilt.events.model import FactSink
    from bykilt.history.history import History
    from bykilt.llm.service_gateway import LLMServiceGateway
    from bykilt.runs.model import Models, Secrecy
    from bykilt.runs.service import RunService
    from bykilt.security.redaction import SecretRedactor
    from bykilt.security.secrets_vault import SecretsVault
    from bykilt.security.vault_settings import VaultSettings


_SHUTDOWN_S = 30.0


class App:
    """The parts of one process, made from its settings."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings."""
        self.settings = settings
        self.home = Home(settings.home)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> App:
        """Return the app that the environment describes.

        Raises:
            InvalidSetting: A variable cannot be used; the message names it.
        """
        return cls(Settings.from_environment(environ))

    @cached_property
    def secrecy(self) -> Secrecy:
        """The secrets that runs may use, and what keeps them out of what runs write."""
        from bykilt.runs.secrecy import VaultSecrecy

        return VaultSecrecy(self._open_vault, self._redactor, self._has_vault)

    @cached_property
    def _redactor(self) -> SecretRedactor:
        """What hides secrets, for runs and models alike: what one of them learns, the other hides."""
        from bykilt.security.redaction import SecretRedactor

        return SecretRedactor()

    async def _open_vault(self) -> SecretsVault:
        from bykilt.security.secrets_vault import get_secrets_vault

        return await get_secrets_vault(self._vault_settings())

    def _vault_settings(self) -> VaultSettings:
        from bykilt.security.vault_settings import VaultSettings

        return replace(VaultSettings.from_environment(), home=self.settings.home)

    def _has_vault(self) -> bool:
        from bykilt.security.vault_settings import BackendName

        settings = self._vault_settings()
        return settings.backend is not BackendName.FILE or settings.file.exists()

    @contextmanager
    def history(self) -> Iterator[History]:
        """Open the history for questions and clean-up; the home folder is made if it is not there.

        Runs whose process has died are marked as interrupted first.

        Raises:
            StorageError: It cannot be opened.
        """
        from bykilt.runs.recovery import recover

        with self._open_history() as history:
            recover(history, self.home, self._write_trace)
            yield history

    @asynccontextmanager
    async def run_service(self) -> AsyncIterator[RunService]:
        """Open the run service; the block ends when all its runs have.

        Starts and ends of runs, and where their browsers were let, are written into the audit ledger.

        Raises:
            StorageError: The home or the history cannot be used.
            InvalidSetting: The environment asks for copies of the ledger in a way that is not known.
        """
        from bykilt.audit.opening import open_ledger
        from bykilt.audit.run_listener import RunAuditor
        from bykilt.runs.service import RunService

        with (
            closing(open_ledger(self.settings.home, os.environ, via="runs")) as ledger,
            self._open_history() as history,
        ):
            async with self._models() as models:
                service = RunService(
                    self.settings,
                    history,
                    self._new_engine,
                    traces=self._write_trace,
                    listeners=[RunAuditor(ledger)],
                    secrecy=self.secrecy,
                    models=models,
                )
                async with service:
                    yield service

    def llm_gateway(self) -> LLMServiceGateway:
        """Return a gateway to language models, not yet initialized; whoever takes it shuts it down."""
        from bykilt.llm.service_gateway import get_llm_gateway

        if not self.settings.llm_enabled:
            return get_llm_gateway(settings=self.settings)
        from bykilt.llm.composing import Surroundings

        around = Surroundings.of(self._vault_settings(), self._redactor)
        return get_llm_gateway(settings=self.settings, around=around)

    @asynccontextmanager
    async def _models(self) -> AsyncIterator[Models]:
        """Give the one gateway to whoever asks first; it is shut down at the end, if there was one."""
        opened: list[LLMServiceGateway] = []

        def gateway() -> LLMServiceGateway:
            if not opened:
                opened.append(self.llm_gateway())
            return opened[0]

        try:
            yield gateway
        finally:
            if opened:
                with move_on_after(_SHUTDOWN_S, shield=True):
                    await opened[0].shutdown()

    @contextmanager
    def _open_history(self) -> Iterator[History]:
        from bykilt.history.history import History

        self.home.make()
        history = History(self.home.database)
        try:
            yield history
        finally:
            history.close()

    def _new_engine(self, name: str, facts: FactSink, artifact_dir: Path) -> BrowserEngine:
        from bykilt.browser.engine.loader import EngineLoader

        return EngineLoader.load_engine(name, facts=facts, artifact_dir=artifact_dir, redactor=self.secrecy.redactor)

    def _write_trace(self, run_dir: Path) -> Path:
        from bykilt.trace.writer import write_trace

        return write_trace(run_dir, self.secrecy.redactor)
