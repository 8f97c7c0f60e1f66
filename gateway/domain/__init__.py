"""What an action, a delivery and a desk are and how they change: pure values and decisions, no Twisted, no SQL, no I/O."""
