"""Reports of a judged run: HTML, JUnit, Markdown, JSON."""
