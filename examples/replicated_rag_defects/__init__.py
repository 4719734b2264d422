"""The service of replicated_rag with one named defect: what gonogo's checks are shown to notice. Never deploy it."""
