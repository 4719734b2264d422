"""Benchmarks: ratios and limits measured side by side in one run. Every module without `_` is one."""
