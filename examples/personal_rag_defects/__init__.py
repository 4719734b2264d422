"""The personal service, broken on purpose: each file of `defects` breaks it in one way, for `gonogo selftest`."""
