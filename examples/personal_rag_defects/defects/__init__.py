"""One file each: a sentence that says what is broken, and `apply`."""
