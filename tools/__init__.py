"""Things that only developers run."""
