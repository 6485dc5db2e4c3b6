"""``chatdesc.review``: the page of ``report`` served on this machine, with decisions kept as they are made."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from secrets import token_urlsafe

from chatdesc.decisions.decision import standing
from chatdesc.decisions.journal import Journal
from chatdesc.decisions.served import Served
from chatdesc.decisions.serving import ADDRESS, bound, serve, show
from chatdesc.page.material import Material, StrPath, gather
from chatdesc.page.words import grounder_of
from chatdesc.rows.sources import refuse_nowhere
from chatdesc.rows.store import is_run
from chatdesc.tables import Progress
from chatdesc.texts.named import read_all
from chatdesc.types import ChatdescError

PORT = 8642
FOLDER = "review"  # in a run's folder
LONGEST = 100  # characters of a reviewer's name
PACKAGES = ("starlette", "uvicorn")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review has led to so far.

    Attributes:
        folder: where the decisions are.
        reviewer: whose review it was.
        sequences: how many rows the review showed.
        decided: about how many of them a decision of this reviewer stands that is no skip.
        notes: what a reader must know of named texts.
    """

    folder: Path
    reviewer: str
    sequences: int
    decided: int
    notes: tuple[str, ...] = ()


Ready = Callable[[str, "Reviewed"], None]
"""Is told the address, and how things stand at the start."""


def review(
    sources: StrPath | Sequence[StrPath],
    *,
    root: StrPath | Sequence[StrPath] | None = None,
    texts: Sequence[str] = (),
    reviewer: str | None = None,
    decisions: StrPath | None = None,
    port: int = PORT,
    blind: bool = False,
    browser: bool = True,
    grounder: str | None = None,
    split: str | None = None,
    config: str | None = None,
    text_root: str | None = None,
    device: str = "auto",
    ready: Ready | None = None,
    progress: Progress | None = None,
) -> Reviewed:
    """Serve the page of rows on this machine alone until Ctrl-C; each decision is on the disk before it is confirmed.

    Args:
        sources, root, texts, split, config, text_root, grounder, device: as for ``chatdesc.report``.
        reviewer: whose decisions they are; None takes the name of the user's account.
        decisions: the folder for decisions; None takes ``RUN/review`` of a run.
        port: of 127.0.0.1; 0 takes a free one.
        blind: show the texts without saying which is which, and nothing that others decided.
        browser: open the page in the user's browser.
        ready: called with the address, which holds a token for this start alone, once the server listens.
        progress: called with sequences done, all sequences, and a note, while the page is made.

    Raises:
        ChatdescError: a package, a source or a name is missing, the port is taken, a journal is damaged, or decisions
            cannot be kept.
    """
    refuse_missing()
    from chatdesc.decisions.access import Access
    from chatdesc.decisions.routes import application

    journal = Journal(folder_of(sources, decisions), named(reviewer))
    refuse_unwritable(journal)
    with bound(port) as at:
        model = grounder_of(grounder, root, device)
        material = replace(gather(sources, root, split, config, text_root, read_all(texts)), grounder=model)
        number, token = at.getsockname()[1], token_urlsafe(32)
        app = Access(application(Served.of(material, journal, blind, progress)), number, token)
        url = f"http://{ADDRESS}:{number}/?token={token}"
        if ready:
            ready(url, _state(material, journal))
        if browser:
            show(url)
        serve(app, at)
    return _state(material, journal)


def refuse_missing() -> None:
    """Refuse to begin without the packages of the extra.

    Raises:
        ChatdescError: with the command that installs them.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise ChatdescError(f"review needs {' and '.join(missing)}: pip install 'chatdesc[review]'")


def folder_of(sources: StrPath | Sequence[StrPath], decisions: StrPath | None) -> Path:
    """The folder of decisions: the one that is named, or that of the one run.

    Raises:
        ChatdescError: none is named, and there is not one run; or nothing is there.
    """
    if decisions is not None:
        return Path(decisions).expanduser()
    places = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    if len(places) == 1 and is_run(Path(places[0]).expanduser()):
        return Path(places[0]).expanduser() / FOLDER
    for place in places:
        refuse_nowhere(os.fspath(place))
    raise ChatdescError("say where decisions are kept with --decisions DIR; only for one run is it RUN/review")


def refuse_unwritable(journal: Journal) -> None:
    """Refuse to begin where no decision could be kept.

    Raises:
        ChatdescError: the folder is a file, or it or the reviewer's file may not be written.
    """
    place = next(known for known in (journal.path, *journal.path.parents) if known.exists())
    if place != journal.path and not place.is_dir():
        raise ChatdescError(f"{place}: is a file, so no decision can be kept; choose a folder with --decisions")
    if not os.access(place, os.W_OK):
        raise ChatdescError(
            f"{place}: may not be written, so no decision can be kept; choose a folder with --decisions"
        )


def named(reviewer: str | None) -> str:
    """A reviewer's name, or that of the user's account.

    Raises:
        ChatdescError: the name is empty, longer than 100 characters, or cannot be printed.
    """
    if reviewer is None:
        try:
            reviewer = getpass.getuser()
        except (OSError, KeyError, ImportError) as error:
            raise ChatdescError("the user has no name on this machine; say --reviewer NAME") from error
    name = reviewer.strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        raise ChatdescError(f"--reviewer {name[:LONGEST]!r}: give a name of 1 to {LONGEST} printable characters")
    return name


def _state(material: Material, journal: Journal) -> Reviewed:
    stands = standing(journal.read())
    mine = [made for (reviewer, _), made in stands.items() if reviewer == journal.reviewer and made.verdict != "skip"]
    return Reviewed(journal.folder, journal.reviewer, len(material.rows), len(mine), material.notes)
