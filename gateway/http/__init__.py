"""HTTP: the API, the console, server-sent events, health and metrics."""
