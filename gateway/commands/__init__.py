"""The commands of `burgernet`, one module a group. `gateway.cli` puts them together."""
