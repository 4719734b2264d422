"""Command line: `python -m reference_rag_defects --enable-defects NAME [serve|migrate|seed …]`."""

import argparse
import sys

from reference_rag.__main__ import main as reference_main

from .catalogue import apply, names, sentence

REFUSED = 2


def main() -> int:
    """Turn one defect on and go on as `python -m reference_rag`; 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(
        prog="reference_rag_defects", description="The reference service, broken on purpose in one way."
    )
    parser.add_argument("--enable-defects", action="store_true", help="yes, I want a broken service")
    parser.add_argument("--list", action="store_true", help="print the defects with what each of them breaks")
    parser.add_argument("name", nargs="?", help="the defect to turn on")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a command of reference_rag; default: serve")
    options = parser.parse_args()
    if options.list:
        for name in names():
            print(f"{name}: {sentence(name)}")
        return 0
    if options.name not in names():
        found = f"no defect {options.name!r}" if options.name else "which defect?"
        print(f"reference_rag_defects: {found}; known: {', '.join(names())}", file=sys.stderr)
        return REFUSED
    if not options.enable_defects:
        print(
            f"reference_rag_defects: refused: {options.name!r} breaks the service on purpose; "
            "pass --enable-defects if that is what you want",
            file=sys.stderr,
        )
        return REFUSED
    apply(options.name)
    sys.argv = ["reference_rag", *options.command]
    return reference_main()


if __name__ == "__main__":
    sys.exit(main())
