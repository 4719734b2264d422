"""Command line: `python -m shelf [serve|migrate|seed …]`. Cards are what the reference service calls keys."""

import os
import sys

from reference_rag import server
from reference_rag.__main__ import main as reference_main

from .gate import Gate

if __name__ == "__main__":
    os.environ["API_KEYS"] = os.environ.get("CARDS", "")
    make_app = server.make_app
    server.make_app = lambda service: Gate(make_app(service))
    sys.exit(reference_main())
