"""Actions at work: saved, scheduled, sent and closed; the only place that knows every channel."""
