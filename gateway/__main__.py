"""`python -m gateway` is `burgernet`."""

from gateway.cli import main

main()
