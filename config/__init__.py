"""What a telecom engineer edits, and the loader that checks all of it at once."""
