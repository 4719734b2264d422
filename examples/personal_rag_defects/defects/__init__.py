"""One file for each defect: a docstring that says what is broken, and `apply()`."""
