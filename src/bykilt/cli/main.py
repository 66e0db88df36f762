"""The entry point `bykilt`: the list of its commands. Imports none of them before it is called."""

from __future__ import annotations

import click

from bykilt import __version__
from bykilt.cli.edge import RootGroup
from bykilt.cli.lazy_group import Later

COMMANDS = {
    "run": Later("bykilt.cli.run_command:run", "Run a flow file in a browser."),
    "demo": Later("bykilt.cli.demo_command:demo", "Run the demo flow on the practice site that comes with bykilt."),
    "runs": Later("bykilt.cli.runs_commands:runs", "List, show, export and delete past runs."),
    "flow": Later("bykilt.cli.flow_commands:flow", "Check, show and convert flow files."),
    "sandbox": Later("bykilt.cli.sandbox_commands:sandbox", "Show and explain sandbox profiles; check this machine."),
    "trace": Later("bykilt.cli.trace_commands:trace", "Look at the trace of a run."),
    "vault": Later("bykilt.cli.vault_commands:vault", "Keep secrets, encrypted, with every access on record."),
    "audit": Later("bykilt.cli.audit_commands:audit", "Read and verify the audit ledger."),
    "llm": Later("bykilt.cli.llm_commands:llm", "Ask a language model, in a container that has no network."),
    "doctor": Later(
        "bykilt.cli.doctor_command:doctor", "Check what this machine can do, and how to fix what it cannot."
    ),
    "version": Later("bykilt.cli.version_command:version", "Show the version."),
}

EPILOG = """\b
Start with:
  bykilt demo                    # see a flow run
  bykilt run flow.yaml -p q=tea  # run a flow of your own
  bykilt trace open latest       # look at what happened

\b
Exit codes: 0 success, 1 the run failed, 2 bad input,
3 something is missing on this machine, 130 interrupted.

\b
Completion in the shell, here for bash (zsh and fish likewise):
  eval "$(_BYKILT_COMPLETE=bash_source bykilt)"
"""


@click.group(
    cls=RootGroup,
    name="bykilt",
    later=COMMANDS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", prog_name="bykilt", message="%(prog)s %(version)s")
def main() -> None:
    """Browser flows that run the same on two engines and leave a trace."""
