"""A memory for assistants: messages of conversations that are searched by meaning, archived and deleted in time."""
