"""gonogo: go or no-go for RAG stacks on PostgreSQL + pgvector."""

import os

__version__ = "0.1.0"

# OpenBLAS ends its worker threads when the process forks, as it does to start a child under another account. A product
# of matrices that is under way in another thread then waits for them for ever, and each later one waits for it. Without
# workers there is nothing to wait for. It is read when numpy is first imported; what gonogo computes needs one core.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
