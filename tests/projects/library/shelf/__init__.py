"""A library's search: the reference service behind other paths and headers, and without any route for its health."""
