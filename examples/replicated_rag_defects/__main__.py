"""Command line: `python -m replicated_rag_defects --enable-defects NAME [serve|migrate|seed …]`."""

import sys

from reference_rag_defects.wrapper import run
from replicated_rag.__main__ import main

if __name__ == "__main__":
    sys.exit(run("replicated_rag", main))
