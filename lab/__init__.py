"""A telephone network in a box: handsets, an SMSC and scripted people, for the demo, for engineers and for tests."""
