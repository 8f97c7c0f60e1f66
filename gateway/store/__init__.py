"""The database: schema, the single writer with group commit, reads on connections of their own."""
