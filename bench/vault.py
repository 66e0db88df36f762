"""What the vault costs: open, read, write and rotate, with few secrets and with many, beside a keyring and OpenBao.

python -m bench.vault [--rounds N] [--json]

Every number is a median in milliseconds. OpenBao is measured where the tests' servers are set up, with `hvac` alone
and through bykilt; the keyring, where this machine has one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import anyio
import keyring

from bench.__main__ import machine
from bykilt.json_types import JsonValue
from bykilt.security.opening import make_keeper, make_vault
from bykilt.security.os_keyring import OsKeyring
from bykilt.security.secrets_vault import SecretsVault
from bykilt.security.vault_document import VaultDocument
from bykilt.security.vault_settings import VaultSettings

SIZES = (10, 100, 10_000)
VALUE = "correct horse battery staple 0123456789"
_SERVERS = Path(__file__).resolve().parents[1] / ".venv-servers" / "bin"
Numbers = dict[str, float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.vault", description="What the vault costs, in ms.")
    parser.add_argument(
        "--rounds", type=int, default=30, help="how often each write is made; reads, ten times as often"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    columns: dict[str, Numbers] = {}
    for size in SIZES:
        print(f"{size} secrets", file=sys.stderr)
        columns[f"{size} secrets"] = anyio.run(measure_file, size, options.rounds)
    columns |= measure_others(options.rounds)
    if options.json:
        print(json.dumps({"machine": machine(), "ms": columns}, indent=2))
    else:
        print(table(columns))
        print(f"\nMedians in ms. {machine()}.")


async def measure_file(size: int, rounds: int) -> Numbers:
    """Return what the file backend takes with so many secrets."""
    with tempfile.TemporaryDirectory() as folder:
        settings = home_with(Path(folder), size)
        numbers = await measure_vault(lambda: vault_of(settings), rounds)
        keeper = make_keeper(settings, via="bench", notify=lambda _: None)
        numbers["rotate"] = median([timed(keeper.rotate) for _ in range(max(3, rounds // 10))])
    return numbers


async def measure_vault(open_vault: Callable[[], SecretsVault], rounds: int) -> Numbers:
    """Return what a vault takes, wherever it keeps the secret `s1`."""
    opened = []
    for _ in range(max(3, rounds // 10)):
        begun_s = time.perf_counter()
        vault = open_vault()
        assert await vault.get_secret("s1") == VALUE
        opened.append((time.perf_counter() - begun_s) * 1000)
        await vault.close()
    vault = open_vault()
    await vault.get_secret("s1")
    reads = [await timed_call(lambda: vault.get_secret("s1")) for _ in range(rounds * 10)]
    writes = [await timed_call(lambda: vault.set_secret("s1", VALUE)) for _ in range(rounds)]
    facts = [await timed_call(lambda: vault.get_metadata("s1")) for _ in range(rounds)]
    await vault.close()
    return {
        "open and read one": median(opened),
        "get, warm": median(reads),
        "get, warm, slowest of 100": sorted(reads)[int(len(reads) * 0.99)],
        "set": median(writes),
        "get_metadata": median(facts),
    }


def measure_others(rounds: int) -> dict[str, Numbers]:
    """Return what a keyring and a server take, where there are any."""
    found: dict[str, Numbers] = {}
    name = OsKeyring(Path("bench")).name()
    if name is None:
        print("not measured: this machine has no keyring", file=sys.stderr)
    else:
        keyring.set_password("bykilt bench", "s1", VALUE)
        found[name] = {
            "get, warm": median([timed(lambda: keyring.get_password("bykilt bench", "s1")) for _ in range(rounds)]),
            "set": median([timed(lambda: keyring.set_password("bykilt bench", "s1", VALUE)) for _ in range(rounds)]),
        }
        keyring.delete_password("bykilt bench", "s1")
    if not (_SERVERS / "bao").exists() or find_spec("hvac") is None:
        print("not measured: OpenBao and hvac are not set up (`make test` does)", file=sys.stderr)
        return found
    with openbao() as address:
        found["hvac to OpenBao"] = measure_hvac(address, rounds)
        found["bykilt to OpenBao"] = anyio.run(measure_server, address, rounds)
    return found


def measure_hvac(address: str, rounds: int) -> Numbers:
    """Return what the library alone takes."""
    import hvac

    client = hvac.Client(url=address, token="bench")
    kv = client.secrets.kv.v2
    write = [timed(lambda: kv.create_or_update_secret(path="s1", secret={"value": VALUE})) for _ in range(rounds)]
    read = [timed(lambda: kv.read_secret_version(path="s1", raise_on_deleted_version=True)) for _ in range(rounds)]
    client.adapter.close()
    return {"get, warm": median(read), "set": median(write)}


async def measure_server(address: str, rounds: int) -> Numbers:
    """Return what bykilt takes with its secrets there."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "BYKILT_HOME": folder,
            "BYKILT_VAULT": "hashicorp",
            "BYKILT_VAULT_URL": address,
            "VAULT_TOKEN": "bench",
        }
        settings = VaultSettings.from_environment(environ)
        await vault_of(settings).set_secret("s1", VALUE)
        return await measure_vault(lambda: vault_of(settings), rounds)


def home_with(folder: Path, size: int) -> VaultSettings:
    """Return the settings of a home whose vault holds so many secrets, written at once."""
    settings = VaultSettings.from_environment({"BYKILT_HOME": str(folder), "BYKILT_VAULT_KEYRING": "off"})
    keeper = make_keeper(settings, via="bench", notify=lambda _: None)
    entry: JsonValue = {"created": 1.0, "updated": 1.0, "versions": [{"version": 1, "value": VALUE, "created": 1.0}]}
    secrets: dict[str, JsonValue] = {f"s{number}": entry for number in range(size)}
    keeper.file.change(lambda document: VaultDocument(created_s=document.created_s, secrets=secrets))
    return settings


def vault_of(settings: VaultSettings) -> SecretsVault:
    """Return the vault, opened afresh."""
    return make_vault(settings, via="bench", notify=lambda _: None)


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds something took."""
    begun_s = time.perf_counter()
    work()
    return (time.perf_counter() - begun_s) * 1000


async def timed_call(work: Callable[[], Awaitable[object]]) -> float:
    """Return how many milliseconds something took that is awaited."""
    begun_s = time.perf_counter()
    await work()
    return (time.perf_counter() - begun_s) * 1000


@contextmanager
def openbao() -> Iterator[str]:
    """Run an OpenBao server that keeps everything in memory."""
    address = "127.0.0.1:18293"
    command = [str(_SERVERS / "bao"), "server", "-dev", "-dev-root-token-id=bench", f"-dev-listen-address={address}"]
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "HOME": home}
        with subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
            assert server.stdout is not None
            for line in server.stdout:
                if "server started" in line:
                    break
            try:
                yield f"http://{address}"
            finally:
                server.terminate()


def table(columns: dict[str, Numbers]) -> str:
    """Return the numbers as a Markdown table."""
    rows = list(dict.fromkeys(row for numbers in columns.values() for row in numbers))
    lines = ["| ms | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for row in rows:
        cells = [f"{numbers[row]:.3g}" if row in numbers else "–" for numbers in columns.values()]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
