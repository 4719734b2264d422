"""Services as containers: images and their mirrors, containers, volumes, PostgreSQL servers, HTTP services."""
