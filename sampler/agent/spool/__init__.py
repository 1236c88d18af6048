"""What waits, on the disk, too."""
