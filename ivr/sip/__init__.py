"""SIP as sans-I/O cores: message, transaction, dialog, session, endpoint; and the shells that join them to sockets."""
