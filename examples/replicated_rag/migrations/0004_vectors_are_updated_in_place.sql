-- A passage whose text changes keeps its row and its id, and gets a new vector: whoever remembers the id still finds it, and
-- no moment shows the document without its passages.
GRANT UPDATE (content, embedding) ON chunks TO rag_app;
