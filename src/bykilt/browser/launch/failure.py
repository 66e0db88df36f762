"""From Chromium's log and exit status to an error that says what to do. Knows the usual causes."""

from __future__ import annotations

import signal

from bykilt.browser.launch.errors import ChromiumNotStarted

# There is nothing else to go by: Chromium exits with 1, whatever the cause. An unknown text only means no advice.
_ADVICE = (
    (
        "No usable sandbox",
        "Chromium's sandbox needs unprivileged user namespaces, which this machine refuses. On Ubuntu: install an"
        " AppArmor profile with `userns,` for this executable, or set kernel.apparmor_restrict_unprivileged_userns=0."
        " On older Debian: set kernel.unprivileged_userns_clone=1. In a container: allow clone, unshare and setns with"
        " CLONE_NEWUSER in its seccomp profile",
    ),
    ("Operation not permitted", "a container may forbid what Chromium's sandbox needs; see its seccomp profile"),
    ("Missing X server", "run headless, or inside a desktop session, or under `xvfb-run`"),
    ("error while loading shared libraries", "a library is missing; `playwright install-deps chromium` installs them"),
    ("No space left on device", "free some space in the temporary folder and in /dev/shm"),
    ("SingletonLock", "the profile is in use by another browser; end it, or use another user_data_dir"),
    ("ProcessSingleton", "the profile is in use by another browser; end it, or use another user_data_dir"),
    ("Cannot allocate memory", "there is too little memory, or the limit on processes is too low"),
)


def describe_exit(status: int) -> str:
    """Return how a process ended, in words."""
    if status >= 0:
        return f"exited with {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def start_failure(status: int | None, log_tail: str) -> ChromiumNotStarted:
    """Return the error for a Chromium that did not come up; `status` is None when it still runs."""
    what = "does not answer" if status is None else describe_exit(status)
    said = f"; it said:\n{log_tail}" if log_tail.strip() else "; it said nothing"
    return ChromiumNotStarted(f"Chromium {what} before it could be used{said}", hint=_advice(status, log_tail))


def _advice(status: int | None, log_tail: str) -> str:
    for text, advice in _ADVICE:
        if text in log_tail:
            return advice
    if status is not None and -status == signal.SIGKILL:
        return "something killed it: usually a memory limit"
    return "run `bykilt doctor` to see what this machine can do"
