"""Expectations, objectives, waivers, scorecard, verdict: pure functions of a run directory."""
