"""Groups of subcommands."""

from __future__ import annotations

import click

from crashdrive.near import hint


class NearGroup(click.Group):
    """A group that says which of its commands somebody may have meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; a usage error with what is near where there is none."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            ctx.fail(f"No such command {name!a}{hint(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)
