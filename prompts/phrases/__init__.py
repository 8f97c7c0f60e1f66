"""The fixed texts, one module a language. No I/O."""
