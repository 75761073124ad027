"""``python -m bench`` is the command ``mqbench``."""

from bench.cli import main

main(prog_name="mqbench")
