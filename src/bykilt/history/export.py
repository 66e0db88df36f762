"""A run as one document or one zip, to be kept or given away.

Knows what belongs into an export. Does not know which run is meant.
Everything here waits for the disk: call it from a worker thread in async code.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from bykilt.history.documents import artifact_json, run_json, step_json
from bykilt.history.history import History
from bykilt.ids import RunId
from bykilt.json_types import JsonValue
from bykilt.storage.atomic_file import open_atomic
from bykilt.storage.json_document import encode_json
from bykilt.storage.run_folder import RunFolder

EXPORT_FORMAT = 1
# Compressed already; squeezing them again costs time and saves nothing.
_PACKED_SUFFIXES = {".jpeg", ".jpg", ".png", ".webp", ".zip", ".gz", ".pdf"}


def export_document(history: History, folder: RunFolder, run_id: RunId) -> dict[str, JsonValue]:
    """Return all that is known of a run: itself, its steps, the files its steps asked for, and every file.

    Raises:
        UnknownRun: There is none with that id.
        StorageError: The history or the folder cannot be read.
    """
    run = history.get(run_id)
    files = folder.artifacts()
    sizes = {file.name: file.size_bytes for file in files}
    return {
        "bykilt_export": EXPORT_FORMAT,
        "run": run_json(run),
        "steps": [step_json(step) for step in history.steps(run_id)],
        "artifacts": [artifact_json(item, sizes.get(item.file)) for item in history.artifacts(run_id)],
        "files": [{"name": file.name, "size_bytes": file.size_bytes} for file in files],
    }


def export_zip(history: History, folder: RunFolder, run_id: RunId, target: Path) -> Path:
    """Write `<id>/run.json` (the document) and every file of the run folder into a zip at `target`; return it.

    A file that vanishes meanwhile is left out. An older file at `target` is replaced, at the end.

    Raises:
        UnknownRun: There is none with that id.
        StorageError: Something cannot be read, or `target` cannot be written.
    """
    document = export_document(history, folder, run_id)
    with open_atomic(target) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{run_id}/run.json", encode_json(document))
        for file in folder.artifacts():
            _add(archive, folder.file(file.name), f"{run_id}/{file.name}")
    return target


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    try:
        content = path.open("rb")
    except FileNotFoundError:
        return
    with content:
        entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
        packed = path.suffix.lower() in _PACKED_SUFFIXES
        entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        with archive.open(entry, "w", force_zip64=True) as out:
            shutil.copyfileobj(content, out)
