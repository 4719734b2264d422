"""Load: the bridge to Locust (a subprocess), the open arrival model, statistics."""
