"""Services as local processes: accounts, children, PostgreSQL clusters and their templates, HTTP services."""
