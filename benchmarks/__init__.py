"""Benchmarks: ratios and limits measured side by side in one run. Each module that has `measure` is one; see README."""
