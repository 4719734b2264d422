"""Command line: `python -m reference_rag_defects --enable-defects NAME [serve|migrate|seed …]`."""

import sys

from reference_rag.__main__ import main

from .wrapper import run

if __name__ == "__main__":
    sys.exit(run("reference_rag", main))
