"""How one check, load profile, chaos scenario or drill runs."""
