"""The telephone: SIP signalling, media and the conversations that are held over them. Knows nothing of actions."""
