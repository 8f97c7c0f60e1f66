"""Conversations with one person, one a file, as async functions over `ivr.call.Call`."""
