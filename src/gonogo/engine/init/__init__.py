"""From somebody's Compose project and OpenAPI document to a first stack file: read, recognise, propose, write."""
