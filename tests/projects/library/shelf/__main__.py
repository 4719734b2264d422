"""Command line: `python -m shelf [migrate|seed …]`. Cards are what the reference service calls keys."""

import os
import sys
from typing import Any

from reference_rag import server
from reference_rag.__main__ import main as reference_main
from reference_rag.app import make_app
from reference_rag.logs import configure_logging
from reference_rag.service import make_service
from reference_rag.settings import load_settings

from .gate import Gate


def serve() -> None:
    """Serve as the reference service does, behind the gate."""
    settings = load_settings(os.environ)
    configure_logging(settings.log_level)
    service = make_service(settings)
    application: Any = Gate(make_app(service))
    server.serve(application, service)


if __name__ == "__main__":
    os.environ["API_KEYS"] = os.environ.get("CARDS", "")
    if len(sys.argv) > 1:
        sys.exit(reference_main())
    serve()
