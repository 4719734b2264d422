"""Serving HTTP, and stopping without dropping anyone."""

import signal
import threading
from types import FrameType

import uvicorn
from fastapi import FastAPI

from .logs import event
from .migrate import migrate
from .service import Service


class DrainingServer(uvicorn.Server):
    """On SIGTERM: not ready at once; after a notice no new connections; running requests finish; exit code 0.

    uvicorn would stop listening at once, and end by raising the signal again.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the signature of a signal handler
        """The first signal starts the draining, a second one ends the process without further waiting."""
        if self._service.draining:
            self.force_exit = self.should_exit = True
            return
        self._service.draining = True
        notice = threading.Timer(self._service.settings.drain_notice, self._stop_listening)
        notice.daemon = True
        notice.start()
        event("draining", signal=signal.Signals(sig).name)

    def _stop_listening(self) -> None:
        self.should_exit = True


def serve(app: FastAPI, service: Service) -> None:
    """Migrate when the owner's connection is known, then serve until a signal. Raises MigrationError."""
    if service.settings.migrations_url:
        migrate(service.settings.owner_url(), service.migrations)
    run(app, service)


def run(app: FastAPI, service: Service) -> None:
    """Serve `app` in this process until a signal."""
    settings = service.settings
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # RequestContext logs each request
        server_header=False,
        timeout_graceful_shutdown=int(settings.drain_seconds),
    )
    DrainingServer(config, service).run()
