"""What users ask for: models of every YAML file, the loader with file:line errors, the content resolver."""
