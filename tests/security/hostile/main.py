"""The program that is run in the browser's place: every probe, and one JSON document with what came of each.

Behind a wall it speaks over the browser's own pipe: it begins when there is something to read, and answers there.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

from tests.security.hostile import files, kernel, namespaces, needs, network, processes
from tests.security.hostile.frame import NEEDS, PROBES, World, run_probe

_TO_BROWSER, _FROM_BROWSER = 3, 4
# Importing them registers their probes.
AREAS = (files, processes, namespaces, kernel, network, needs)


def main() -> None:
    """Run all probes that may be run here."""
    world = World.from_json(sys.argv[1])
    if world.is_walled:
        os.read(_TO_BROWSER, 1)
    chosen = [one for one in (*PROBES, *NEEDS) if world.is_walled or one.is_harmless_outside]
    answer = json.dumps({one.name: asdict(run_probe(one, world)) for one in chosen})
    with open(_FROM_BROWSER if world.is_walled else 1, "w") as receiver:
        receiver.write(answer)
