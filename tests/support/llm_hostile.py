"""A worker that was taken over, for tests of the broker: it does what the prompt says, which is Python.

Knows the lines of the protocol, and how to look through the memory of a container. Knows no test.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.llm import image_with_worker, require_image

_OBEYS = """
import base64
url = os.environ["BYKILT_PROVIDER_URL"] + "/chat/completions"

def hear():
    return json.loads(sys.stdin.readline())

while line:
    message = json.loads(line)
    if message["op"] != "chat":
        line = sys.stdin.readline()
        continue
    call, ask = message["id"], message["ask"]

    def request(body=None, *, rid="r1", method="POST", url=url, **more):
        raw = body if isinstance(body, bytes) else json.dumps({**ask, **(body or {})}).encode()
        text = base64.b64encode(raw).decode()
        say(ev="http.request", id=call, rid=rid, method=method, url=url, body=text, **more)

    def answered():
        parts = b""
        while (heard := hear())["op"] == "http.head" or heard["op"] == "http.body":
            parts += base64.b64decode(heard.get("b64", ""))
        return heard["op"], parts

    def said(answer):
        return json.loads(answer[1])["choices"][0]["message"]["content"]

    def done(text="done", **more):
        answer = {"finish": "stop", "prompt_tokens": 0, "completion_tokens": 0, **more}
        say(ev="done", id=call, text=text, **answer)

    exec(ask["messages"][-1]["content"])
    line = sys.stdin.readline()
"""

_SEARCH = """
import json, re, sys
wanted = {name: bytes.fromhex(text) for name, text in json.load(sys.stdin).items()}
found, size = dict.fromkeys(wanted, 0), 0
with open("/proc/1/maps") as maps, open("/proc/1/mem", "rb", 0) as memory:
    for line in maps:
        begin, end, mode = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\\S+)", line).groups()
        if mode[0] != "r" or "[v" in line:
            continue
        memory.seek(int(begin, 16))
        try:
            block = memory.read(int(end, 16) - int(begin, 16))
        except OSError:
            continue
        size += len(block)
        for name, text in wanted.items():
            found[name] += block.count(text)
environment = open("/proc/1/environ", "rb").read()
for name, text in wanted.items():
    found[name] += environment.count(text)
print(json.dumps([size, found]))
"""


@contextmanager
def obedient_image() -> Iterator[str]:
    """Make an image whose worker runs each prompt: with `request`, `hear`, `answered`, `said`, `done` and `say`."""
    with image_with_worker(_OBEYS) as image:
        yield image


def search_memory(container: str, wanted: dict[str, bytes]) -> tuple[int, dict[str, int]]:
    """Return how many bytes of a container's worker could be read, and how often each text is in them.

    It is read by a second container that may look into the first.
    """
    command = ["docker", "run", "--rm", "--interactive", "--network=none", f"--pid=container:{container}", "--user=0:0"]
    command += ["--cap-add=SYS_PTRACE", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"]
    command += ["--entrypoint=python3", require_image(), "-I", "-c", _SEARCH]
    # What is looked for is not on a command line, where it would be found.
    given = json.dumps({name: text.hex() for name, text in wanted.items()})
    done = subprocess.run(command, input=given, capture_output=True, check=True, text=True, timeout=60)
    size, found = json.loads(done.stdout)
    return size, found
