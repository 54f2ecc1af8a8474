"""`python -m hiface` is the `hiface` command."""

from hiface.cli import main

main()
