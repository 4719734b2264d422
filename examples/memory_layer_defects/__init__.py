"""The memory layer with one named defect: what gonogo's checks are shown to notice. Never deploy it."""
