"""The error of a flow file that cannot run. Knows where its schema is; what may be wrong, the readers know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bykilt.documents.problems import DocumentError, Problem


class FlowError(DocumentError):
    """A flow file, or what was given for its parameters, cannot be used; `problems` has every reason."""

    code: ClassVar[str] = "invalid_flow"

    def __init__(
        self, problems: Sequence[Problem], *, hint: str = "the schema of flow files: bykilt flow schema"
    ) -> None:
        super().__init__(problems, hint=hint)
