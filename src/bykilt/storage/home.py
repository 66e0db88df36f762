"""The home folder: what is where in it.

    history.sqlite3   the history of all runs
    owners/           one locked file per process that carries out runs
    runs/<id>/        one folder per run (`run_folder`)
    secrets.vault     the vault, and vault.key its key, if that is kept in a file (`bykilt.security`)
    audit/            the audit ledger (`bykilt.audit`)
    sandbox.yaml      the user's sandbox profiles
    llm.yaml          whom the user lets be asked, and for how much (`bykilt.llm`)
    llm-usage.sqlite3, llm-cache.sqlite3   the calls to models, and answers that are kept

Knows these names and makes the folders. Does not know what is in the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bykilt.ids import RunId
from bykilt.storage.atomic_file import make_private_dir
from bykilt.storage.run_folder import RunFolder, finish_removal, is_being_removed, removed_run


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that `Settings.home` names; call `make` before anything is put into it."""

    path: Path

    @property
    def database(self) -> Path:
        """The file of the history."""
        return self.path / "history.sqlite3"

    @property
    def owners(self) -> Path:
        """Where processes lock a file as long as they live."""
        return self.path / "owners"

    @property
    def runs(self) -> Path:
        """Where the run folders are."""
        return self.path / "runs"

    @property
    def sandbox_profiles(self) -> Path:
        """Where the user writes sandbox profiles; it need not be there."""
        return self.path / "sandbox.yaml"

    def make(self) -> None:
        """Make the folders that are not there yet, for their owner alone.

        Raises:
            StorageError: They could not be made.
        """
        for folder in (self.path, self.owners, self.runs):
            make_private_dir(folder)

    def run_folder(self, run_id: RunId) -> RunFolder:
        """Return where a run's files are; nothing is made.

        Raises:
            UnsafePath: That is no run id.
        """
        return RunFolder.of(self.runs, run_id)

    def half_removed(self) -> Iterator[tuple[RunId, Path]]:
        """Yield the folders whose removal was begun and not ended, with the run they belonged to."""
        for folder in sorted(self.runs.iterdir()) if self.runs.is_dir() else ():
            if is_being_removed(folder):
                yield removed_run(folder), folder

    @staticmethod
    def finish_removal(folder: Path) -> None:
        """Remove what `half_removed` found.

        Raises:
            StorageError: Some of it could not be removed.
        """
        finish_removal(folder)
