-- A passage whose text changes keeps its row and gets a new vector: half the work of deleting and inserting, for the
-- index, for the WAL and for every standby.
GRANT UPDATE (content, embedding) ON chunks TO rag_app;
