"""Options that several commands share, and the options of ``annotate`` that follow from the fields of ``Settings``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Annotated, Any, get_type_hints

import typer

from chatdesc.config import Settings

DATASETS = "lasot, lasot_ext, tnl2k, otb-lang, trackingnet, got10k or synthetic"

DatasetArg = Annotated[str, typer.Argument(metavar="DATASET", help=f"Dataset: {DATASETS}", show_default=False)]
RootArg = Annotated[
    str,
    typer.Argument(metavar="ROOT", help="Folder of the dataset, an archive, or an fsspec URL (zip://, s3://, hf://)"),
]
RunArg = Annotated[str, typer.Argument(metavar="RUN", help="Run folder")]
SplitOpt = Annotated[str | None, typer.Option(help="train or test (default: all sequences under ROOT)")]
SourceArg = Annotated[
    str, typer.Argument(metavar="SOURCE", help="Run folder, dataset folder, or Hub repository USER/NAME")
]
SourcesArg = Annotated[
    list[str], typer.Argument(metavar="SOURCE...", help="Run folders, dataset folders, or Hub repositories USER/NAME")
]
RootsOpt = Annotated[
    list[str] | None,
    typer.Option(help="Root of the dataset, for pictures: one for all sources, or one each; repeatable"),
]
OneSplitOpt = Annotated[str | None, typer.Option(help="Only this split (default: all)")]
ConfigOpt = Annotated[str | None, typer.Option(help="Which of several datasets in one repository")]
WordsOpt = Annotated[
    str | None, typer.Option(help="Ask this grounder where the words lead, to show their boxes (needs --root)")
]
SplitFileOpt = Annotated[
    str | None, typer.Option(help="File with one sequence name per line, used instead of the dataset's own lists")
]
TextsOpt = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=SOURCE",
        help="Texts of another source, with a column of that name: a run, a dataset, an export, a Hub repository, or a "
        "JSON, JSON Lines or CSV file; repeatable",
    ),
]
BaselineOpt = Annotated[
    str | None, typer.Option(metavar="NAME", help="Source that all others are compared with (default: manual)")
]
TextRootOpt = Annotated[str | None, typer.Option(help="otb-lang: folder with the OTB_query_* folders (default: ROOT)")]
NamesOpt = Annotated[
    str | None, typer.Option("--sequences", help="Sequence names separated by commas, or a file with one per line")
]
LimitOpt = Annotated[int | None, typer.Option(min=1, help="Only the first N sequences (default: all)")]
DeviceOpt = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")]
BaseUrlOpt = Annotated[
    str | None, typer.Option(help="URL of the model server for openai:MODEL (default: $OPENAI_BASE_URL)")
]
PresetOpt = Annotated[str, typer.Option(help="Full set of backends; `chatdesc backends` lists the presets")]

RENAMED = {"encoders": "--encoder"}  # an option that is repeated has its name in the singular


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's ``**settings`` by one option for each field of ``Settings``.

    An option that is not given is None, so that the preset's value holds; help shows the value of preset ``offline``.
    """
    own = inspect.signature(command, eval_str=True)
    types = get_type_hints(Settings)
    kept = [parameter for parameter in own.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    added = [_parameter(setting, types[setting.name]) for setting in fields(Settings)]

    def wrapped(**values: Any) -> None:
        command(**values)

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]
    return wrapped


def _parameter(setting: Field[Any], kind: Any) -> inspect.Parameter:
    name = RENAMED.get(setting.name, f"--{setting.name.replace('_', '-')}")
    choices = setting.metadata.get("choices")
    text = setting.metadata["help"] + (f": {', '.join(choices)}" if choices else "")
    if setting.default is True:
        opposite = f"--no-{name.removeprefix('--')}"
        name, text = f"{name}/{opposite}", f"{text}; {opposite} switches it off"
    option = typer.Option(
        name,
        help=text + _default(setting.default),
        rich_help_panel=setting.metadata["panel"],
        min=setting.metadata.get("least"),
    )
    kind = list[str] if kind == tuple[str, ...] else kind
    return inspect.Parameter(
        setting.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _default(default: Any) -> str:
    """A default as help shows it; nothing for None and an empty list (the help says more), and for switches."""
    if default is None or default == () or isinstance(default, bool):
        return ""
    return f" (default: {', '.join(default) if isinstance(default, tuple) else default})"
