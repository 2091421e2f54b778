"""The command line: the group, its two consoles, and the exit status.

A command is one module beside this one, imported when it is called, so that
`otmon --help` loads nothing heavy.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

import click

COMMANDS = {
    "analyze": "Say what capture files show: devices, conversations, alerts.",
    "explain": "Say what an alert means: why it was raised, its frames, what to check.",
    "evidence": "Save the frames behind an alert as pcapng.",
    "report": "Write one HTML file, or a workbook, of everything that was found.",
    "assets": "List, name, compare and export devices, each with how it is known.",
    "alerts": "List, explain and settle alerts: acknowledge, close, mute, learn.",
    "journal": "List what people did to a state: who, when, what, why.",
    "doctor": "Check configuration, rules, state, disk and tools; back up the state.",
    "undo": "Take back what somebody did to a state.",
    "monitor": "Watch interfaces, learn, and alert until stopped.",
    "baseline": "Learn, show, settle and exchange what is normal at a site.",
    "pdus": "Print every industrial message of capture files, one JSON object a line.",
    "elastic": "Send to Elasticsearch 8 or 9: set it up, send, look how it goes.",
    "rules": "Show, check, prove and explain the rules that alert.",
}
"""Every command, with its line in `otmon --help`; its module has the same name."""

GARBAGE_AFTER = 1_000_000
"""Objects made since the last search for garbage in cycles after which there is another."""


class _Commands(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"otmon.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of a pipe (head, less) has seen enough.
            _close_stdout()
            return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _close_stdout() -> None:
    """Sends nowhere what is still buffered, since it cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked:
        from otmon._engine import version

        click.echo(f"otmon {version()}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def group(ctx: click.Context, debug: bool) -> None:
    """Watch industrial networks without touching them.

    Exit status: 0 done, 1 alerts at or above --fail-on, 2 usage, 3 input or
    configuration unusable, 4 rules invalid, 5 a sink failed.
    """
    ctx.obj = {"debug": debug}


def main(arguments: list[str] | None = None) -> Any:
    """Run otmon; every error is two sentences on stderr and an exit status."""
    from otmon.errors import OtmonError

    # What a run makes lives to its end, and none of it is in cycles: neither of the bench
    # captures leaves one. With the usual threshold a quarter of the time would go into
    # looking for them, and with a fifth of this one still 6 %.
    gc.set_threshold(GARBAGE_AFTER)
    debug = "--debug" in (arguments if arguments is not None else sys.argv)
    try:
        # Commands return nothing, so what comes back is the status of an early exit.
        status = group.main(args=arguments, prog_name="otmon", standalone_mode=False) or 0
        sys.stdout.flush()
    except click.ClickException as usage:
        usage.show()
        status = usage.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("otmon: interrupted.", err=True)
        status = 130
    except OtmonError as error:
        status = _failed(error, error.exit_status, debug=debug)
    except BrokenPipeError:
        _close_stdout()
        status = 0
    except OSError as error:
        # Files say themselves what is the matter with them; left is a disk that is full where
        # standard output goes, and what nobody thought of.
        _close_stdout()
        what = "The result" if error.filename is None else f"{error.filename}"
        why = f"{what} cannot be written or read: {error.strerror}"
        status = _failed(OtmonError(f"{why}. Mend that, then try again."), 3, debug=debug)
    # What is left goes with the process: nobody needs to look through it once more.
    gc.freeze()
    sys.exit(status)


def _failed(error: Exception, status: int, *, debug: bool) -> int:
    """Says what is wrong, with where it came from if asked; gives the exit status."""
    if debug:
        import traceback

        traceback.print_exc()
    click.echo(f"otmon: {error}", err=True)
    return status
