"""Command line: `python -m documents_rag_defects --enable-defects NAME [serve|migrate|seed …]`."""

import sys

from documents_rag.__main__ import main
from reference_rag_defects.wrapper import run

if __name__ == "__main__":
    sys.exit(run("documents_rag", main))
