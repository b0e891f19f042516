"""Run `tenfold VERB …`, also as `python -m tenfold VERB …`: signals and streams first, then the command."""

from __future__ import annotations

from tenfold.data.process import run_main

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command that this process's arguments name, and end the process with its exit code."""
    def run(started: float) -> int:
        import sys

        from tenfold.cli import main
        return main(sys.argv[1:], started)
    run_main(run)


if __name__ == "__main__":
    main()
