"""Options and arguments that commands share, each with one name everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Commands(click.Group):
    """A group whose help has the first sentence of each command, and no part of it."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands into the help."""
        rows = [
            (name, self.commands[name].get_short_help_str(limit=500))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


captures: Decorator = click.argument(
    "captures",
    metavar="CAPTURE...",
    nargs=-1,
    required=True,
    type=click.Path(allow_dash=True, readable=False),
)
"""Capture files, directories of them, or `-` for standard input.

Whether each can be read, the engine finds out: one that cannot does not stop the others.
"""

keep_duplicates: Decorator = click.option(
    "--keep-duplicates",
    is_flag=True,
    help="Count frames that a mirror port delivered twice, instead of dropping the copy.",
)


state: Decorator = click.option(
    "--state",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="The site's state file. [default: that of the configuration, else the last analysis]",
)
"""Where the site is remembered."""

baseline: Decorator = click.option(
    "--baseline",
    "baselines",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="What is normal: captures to learn it from, an export of `otmon baseline`, or a state"
    " file. Give it more than once for several captures.",
)
"""What the input is held against."""

config: Decorator = click.option(
    "--config",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="The site's configuration, otmon.toml. [default: none]",
)
"""What people say about the site."""


author: Decorator = click.option(
    "--author",
    metavar="NAME",
    help="Who does it; kept in the journal. [default: the user at the keyboard]",
)
"""Who acts."""

since: Decorator = click.option(
    "--since", metavar="TIME", help="Only what was seen then or later: 2026-12-24, or with T06:00."
)
until: Decorator = click.option(
    "--until", metavar="TIME", help="Only what was seen then or before; a date means its end."
)
limit: Decorator = click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), help="At most N. [default: all]"
)

elastic: Decorator = click.option(
    "--elastic",
    "elastic_url",
    metavar="URL",
    help="Send to this Elasticsearch, too. [default: [elastic] hosts of the configuration]",
)
"""Where documents are sent."""

server: Decorator = click.option(
    "--elastic",
    "elastic_url",
    metavar="URL",
    help="This Elasticsearch. [default: [elastic] hosts of the configuration]",
)
"""The same for commands that are about Elasticsearch alone."""

elastic_ca: Decorator = click.option(
    "--elastic-ca",
    metavar="FILE",
    type=click.Path(dir_okay=False, exists=True),
    help="The CA of Elasticsearch, in PEM. [default: [elastic] ca_file]",
)
"""Whom Elasticsearch is trusted by."""


elastic_dry_run: Decorator = click.option(
    "--elastic-dry-run",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Write what would be sent to Elasticsearch into files, for `otmon elastic replay`.",
)
"""Files instead of a server."""


def kibana(what: str) -> Decorator:
    """Where Kibana is.

    Args:
        what: What is done with it.
    """
    return click.option(
        "--kibana", "kibana_url", metavar="URL", help=f"{what} https://name:5601/s/ot"
    )


kibana_ca: Decorator = click.option(
    "--kibana-ca",
    metavar="FILE",
    type=click.Path(dir_okay=False, exists=True),
    help="The CA of Kibana. [default: [elastic] ca_file]",
)
"""Whom Kibana is trusted by."""


advisories: Decorator = click.option(
    "--advisories",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True),
    help="Published weaknesses to hold devices against: CSAF 2.0, a table, or a folder of them. "
    "[default: [advisories] files of the configuration]",
)
"""Lists that a site got from publishers."""

segment: Decorator = click.option(
    "--segment",
    metavar="NAME",
    help="Where the captures were taken, if several parts of the site use the same addresses. "
    "[default: that of the configuration]",
)
"""The part of the network in which addresses are unique."""


def output_format(*formats: str) -> Decorator:
    """`--format`; the first of `formats` is the default."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How the result is printed.",
    )
