"""Sound on the wire: RTP, digits, bridges and recordings, in worker processes with a packet clock of their own."""
