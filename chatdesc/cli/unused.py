"""Options that were given on the command line but take no part are refused, also where their value is the default."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from chatdesc.unused import refuse_spelled


def refuse_given(context: typer.Context, names: Iterable[str], why: str) -> None:
    """Refuse options that were given.

    Args:
        names: parameters of the command.

    Raises:
        ChatdescError: at least one was given.
    """
    sources = {name: context.get_parameter_source(name) for name in names}
    given = [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]
    spelled = {
        p.name: p.opts[0] if p.param_type_name == "option" else str(p.name).upper() for p in context.command.params
    }
    refuse_spelled([spelled[name] for name in given], why)
