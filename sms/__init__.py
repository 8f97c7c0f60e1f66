"""Text messages over SMPP 3.4: text to segments, segments to PDUs, PDUs over binds. Knows nothing of actions."""
