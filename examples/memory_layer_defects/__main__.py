"""Command line: `python -m memory_layer_defects --enable-defects NAME [serve|migrate|seed …]`."""

import sys

from memory_layer.__main__ import main
from reference_rag_defects.wrapper import run

if __name__ == "__main__":
    sys.exit(run("memory_layer", main))
