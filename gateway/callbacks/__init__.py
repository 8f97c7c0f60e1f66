"""From 0800-0011 to a desk: what several parties do at once, as a pure machine, and the shell that works the calls."""
