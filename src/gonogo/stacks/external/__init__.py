"""Services that already run: attached to, never started, changed or stopped."""
