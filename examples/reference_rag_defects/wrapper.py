"""The command line of every wrapper: turns one named defect of a service on, and goes on as that service."""

import argparse
import sys
from collections.abc import Callable

from . import catalogue

REFUSED = 2


def run(service: str, service_main: Callable[[], int]) -> int:
    """Go on as `python -m SERVICE` with a defect of the package SERVICE_defects; 2 when it was called wrongly."""
    package = f"{service}_defects"
    parser = argparse.ArgumentParser(prog=package, description=f"{service}, broken on purpose in one way.")
    parser.add_argument("--enable-defects", action="store_true", help="yes, I want a broken service")
    parser.add_argument("--list", action="store_true", help="print the defects with what each of them breaks")
    parser.add_argument("name", nargs="?", help="the defect to turn on")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=f"a command of {service}; default: serve")
    options = parser.parse_args()
    known = catalogue.names(package)
    if options.list:
        for name in known:
            print(f"{name}: {catalogue.sentence(package, name)}")
        return 0
    if options.name not in known:
        found = f"no defect {options.name!r}" if options.name else "which defect?"
        print(f"{package}: {found}; known: {', '.join(known)}", file=sys.stderr)
        return REFUSED
    if not options.enable_defects:
        print(
            f"{package}: refused: {options.name!r} breaks the service on purpose; "
            "pass --enable-defects if that is what you want",
            file=sys.stderr,
        )
        return REFUSED
    catalogue.apply(package, options.name)
    sys.argv = [service, *options.command]
    return service_main()
