"""What the environment says about bykilt, read once.

Knows the names of the variables, their defaults and which values are impossible. Does not know what is done
with them; which engines there are, for instance, is checked by the engine loader.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bykilt.errors import InvalidInput

DEFAULT_HOME = "~/.2bykilt"
DEFAULT_MAX_RUNS = 2
DEFAULT_RUN_TIMEOUT_S = 1800.0


class InvalidSetting(InvalidInput):
    """An environment variable holds something that cannot be used."""

    code = "invalid_setting"

    def __init__(self, variable: str, value: str, reason: str, *, hint: str) -> None:
        super().__init__(f"{variable}={value!r}: {reason}", hint=hint)
        self.variable = variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of this process.

    `home` is where everything is kept (BYKILT_HOME), `engine` the engine for runs that name none
    (RUNNER_ENGINE; None leaves it to the loader), `max_runs` how many runs go on at a time in one process
    (BYKILT_MAX_RUNS), `run_timeout_s` the deadline of a run that names none (BYKILT_RUN_TIMEOUT_S), `llm_enabled`
    whether a language model may be started at all (ENABLE_LLM).
    """

    home: Path
    engine: str | None = None
    max_runs: int = DEFAULT_MAX_RUNS
    run_timeout_s: float = DEFAULT_RUN_TIMEOUT_S
    llm_enabled: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; a variable that is empty counts as not set.

        Raises:
            InvalidSetting: A variable cannot be used; the message names it.
        """
        given = os.environ if environ is None else environ
        return cls(
            home=_home(given),
            engine=given.get("RUNNER_ENGINE", "").strip() or None,
            max_runs=int(_number(given, "BYKILT_MAX_RUNS", DEFAULT_MAX_RUNS, 1, 64, whole=True)),
            run_timeout_s=_number(given, "BYKILT_RUN_TIMEOUT_S", DEFAULT_RUN_TIMEOUT_S, 1, 7 * 86_400),
            llm_enabled=_switch(given, "ENABLE_LLM"),
        )


def _home(given: Mapping[str, str]) -> Path:
    value = given.get("BYKILT_HOME") or DEFAULT_HOME
    hint = "set BYKILT_HOME to the path of a folder, for instance /var/lib/bykilt"
    if "\0" in value:
        raise InvalidSetting("BYKILT_HOME", value, "a path holds no NUL character", hint=hint)
    try:
        path = Path(value).expanduser().absolute()
    except RuntimeError:
        raise InvalidSetting("BYKILT_HOME", value, "the home folder that `~` means is not known", hint=hint) from None
    if path.exists() and not path.is_dir():
        raise InvalidSetting("BYKILT_HOME", value, "this is not a folder", hint=hint)
    return path


def _switch(given: Mapping[str, str], variable: str) -> bool:
    value = given.get(variable, "").strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("", "0", "false", "no", "off"):
        return False
    raise InvalidSetting(variable, value, "true or false is needed", hint=f"unset {variable} for false")


def _number(
    given: Mapping[str, str], variable: str, default: float, least: float, most: float, *, whole: bool = False
) -> float:
    value = given.get(variable, "").strip()
    if not value:
        return default
    kind = "a whole number" if whole else "a number"
    wanted = f"{kind} from {least:g} to {most:g} is needed"
    try:
        number = float(int(value)) if whole else float(value)
    except ValueError:
        raise InvalidSetting(variable, value, wanted, hint=f"unset {variable} for {default:g}") from None
    if not least <= number <= most:
        raise InvalidSetting(variable, value, wanted, hint=f"unset {variable} for {default:g}")
    return number
