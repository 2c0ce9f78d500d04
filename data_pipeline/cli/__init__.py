"""The command line: `python -m data_pipeline …`. Exit codes: 0 done, 1 failed, 2 wrong use.

Each group of commands is a file of this folder and is imported only when one of its
commands is called, so that `--help` and small commands start quickly.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from data_pipeline.errors import CityBrainError

# command → (module, name of the command inside the module's app; None = the module's whole group)
COMMANDS: dict[str, tuple[str, str | None]] = {
    "serve": ("serve", "serve"),
    "build": ("build", "build"),
    "simulated": ("build", "simulated"),
    "run": ("store", "run"),
    "status": ("store", "status"),
    "import": ("ingest", "import"),
    "quarantine": ("ingest", "quarantine"),
    "metrics": ("query", "metrics"),
    "query": ("query", "query"),
    "explain": ("query", "explain"),
    "check-pack": ("packs", "check-pack"),
    "new-pack": ("packs", "new-pack"),
    "check-plan": ("plan", "check-plan"),
    "new-plan": ("plan", "new-plan"),
    "add-areas": ("packs", "add-areas"),
    "replace-layer": ("packs", "replace-layer"),
    "roads": ("roads", "roads"),
    "ledger": ("ledger", "ledger"),
    "verify-brief": ("ledger", "verify-brief"),
    "access": ("access", None),
    "maintenance": ("store", "maintenance"),
}


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: object) -> list[str]:
        """The commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> Any:  # the command type of typer is private
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module_name, inner = COMMANDS[cmd_name]
        app = importlib.import_module(f"data_pipeline.cli.{module_name}").app
        command = typer.main.get_command(app)
        commands = getattr(command, "commands", None)
        found = command if inner is None or commands is None else commands[inner]
        found.name = cmd_name
        return found


app = typer.Typer(
    cls=LazyGroup,
    help="City brain: pipeline, store, metrics, city packs. Times without offset are the city's local time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Keeps `app` a group of commands."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command and end the process with its exit code: 0 done, 1 failed, 2 wrong use."""
    try:
        app(args=arguments, prog_name="python -m data_pipeline")
    except CityBrainError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise SystemExit(1) from None
