"""Ways to change the database before it is backed up; one file each, defining `CONTENT`."""
