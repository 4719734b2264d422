"""A memory for assistants: messages of conversations that are searched by meaning, archived and deleted in time."""

__version__ = "1.0.0"
