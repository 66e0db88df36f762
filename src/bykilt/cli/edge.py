"""Where errors become words and exit codes: the outermost ring of the command line.

Knows every kind of error that ends a command. An error that is not ours is a bug and keeps its traceback.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from bykilt.cli.lazy_group import LazyGroup
from bykilt.errors import BykiltError, ExitCode


class RootGroup(LazyGroup):
    """The command `bykilt`: runs a command and ends the process with what it came to."""

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None, *rest: Any, **extra: Any
    ) -> NoReturn:
        """Carry out a command line and exit."""
        given = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            result = super().main(given, prog_name or "bykilt", *rest, **extra)
        except BaseExceptionGroup as group:
            ours = _only_error(group)
            if ours is None:
                raise
            sys.exit(_explain(ours, as_json="--json" in given))
        except BykiltError as error:
            sys.exit(_explain(error, as_json="--json" in given))
        except click.ClickException as error:
            error.show()
            sys.exit(ExitCode.BAD_INPUT)
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted", err=True)
            sys.exit(ExitCode.INTERRUPTED)
        except BrokenPipeError:
            # Whoever read our output has enough; Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(ExitCode.OK)
        sys.exit(result if isinstance(result, int) else ExitCode.OK)


def _only_error(group: BaseExceptionGroup[BaseException]) -> BykiltError | None:
    """Return the one expected error that task groups have wrapped, or None if there is anything else."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    return found if isinstance(found, BykiltError) else None


def _explain(error: BykiltError, *, as_json: bool) -> int:
    """Say what went wrong: to people on standard error, to programs on standard output."""
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(error.message, err=True)
    if error.hint:
        click.secho("hint: ", fg="cyan", nl=False, err=True)
        click.echo(error.hint, err=True)
    if as_json:
        document = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        click.echo(json.dumps(document, ensure_ascii=False))
    return error.exit_code
