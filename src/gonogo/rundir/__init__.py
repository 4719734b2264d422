"""The run directory: event log, undo journal, artefacts. The one writer, where redaction happens."""
