"""The program that is run in the sandbox: every probe, and one line of JSON with what came of each."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from tests.security.hostile import files, kernel, namespaces, needs, network, processes
from tests.security.hostile.frame import NEEDS, PROBES, World, run_probe

# Importing them registers their probes.
AREAS = (files, processes, namespaces, kernel, network, needs)


def main() -> None:
    """Run all probes that may be run here."""
    world = World.from_json(sys.argv[1])
    chosen = [one for one in (*PROBES, *NEEDS) if world.is_walled or one.is_harmless_outside]
    sys.stdout.write(json.dumps({one.name: asdict(run_probe(one, world)) for one in chosen}))
