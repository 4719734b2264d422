"""A user's Compose project, run as it is: under a name of its own, on ports of 127.0.0.1, with volumes of its own."""
