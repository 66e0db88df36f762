"""Inside the container: start the worker."""

import sys

sys.path.insert(0, "/opt/llm")

from bykilt.llm.worker.main import main

main()
