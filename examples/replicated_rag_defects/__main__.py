"""Command line: `python -m replicated_rag_defects --enable-defects NAME [serve|migrate|seed …]`."""

import argparse
import importlib
import sys
from pathlib import Path

from replicated_rag.__main__ import main as serve_main

FOLDER = Path(__file__).parent / "defects"
REFUSED = 2


def main() -> int:
    """Turn one defect on and go on as `python -m replicated_rag`; 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(
        prog="replicated_rag_defects", description="The replicated service, broken on purpose in one way."
    )
    parser.add_argument("--enable-defects", action="store_true", help="yes, I want a broken service")
    parser.add_argument("name", help="the defect to turn on")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a command of replicated_rag; default: serve")
    options = parser.parse_args()
    known = sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))
    if options.name not in known:
        print(f"replicated_rag_defects: no defect {options.name!r}; known: {', '.join(known)}", file=sys.stderr)
        return REFUSED
    if not options.enable_defects:
        print(
            "replicated_rag_defects: refused: pass --enable-defects to serve what is broken",
            file=sys.stderr,
        )
        return REFUSED
    importlib.import_module(f"{__package__}.defects.{options.name}").apply()
    sys.argv = ["replicated_rag", *options.command]
    return serve_main()


if __name__ == "__main__":
    sys.exit(main())
