"""Ways to damage the files of a backup; one file each, defining `DAMAGE`."""
