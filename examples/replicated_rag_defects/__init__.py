"""The replicated service with one named defect: what gonogo's checks are shown to notice. Never deploy it."""
