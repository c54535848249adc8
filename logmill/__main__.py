"""`python -m logmill` is the `logmill` command."""

from logmill.cli import main

main()
