"""Discover, plan, run, lock, interrupt, clean up."""
