"""Structured logs: one JSON object a line on standard output, with the request id on every line of a request."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")

log = logging.getLogger("reference_rag")


class JsonFormatter(logging.Formatter):
    """Renders a record and its `fields`. Of an exception only the type and place: its text may hold user data."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if current := request_id.get():
            line["request_id"] = current
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = _innermost_place(record)
        return json.dumps(line, default=str)


def _innermost_place(record: logging.LogRecord) -> str:
    trace = record.exc_info[2] if record.exc_info else None
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def configure_logging(level: str) -> None:
    """Send every log record of the process through the JSON formatter."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # The pool logs each failed attempt with the server's address; database.py logs the change of state instead.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def event(name: str, *, level: int = logging.INFO, exc_info: bool = False, **fields: object) -> None:
    """Log one event with its fields. Never pass texts of documents, keys or whole URLs."""
    log.log(level, name, extra={"fields": fields}, exc_info=exc_info)
