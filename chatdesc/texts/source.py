"""A source of texts by what it is: a run, rows, a table, or a tree of text files.

``SOURCE#PART`` says what to take where a source has several things: ``manual`` (of rows, instead of the texts to use),
a layout's name (of a folder that has several layouts), or a configuration of a repository; several with commas.

>>> split_part("runs/lasot#manual"), split_part("user/texts#lasot,manual")
(('runs/lasot', ('manual',)), ('user/texts', ('lasot', 'manual')))
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chatdesc.config import public_spec
from chatdesc.loaders.files import open_root
from chatdesc.names import between_commas
from chatdesc.private import last_name
from chatdesc.rows.sources import REPOSITORY
from chatdesc.rows.store import is_run
from chatdesc.texts.files import PICKLED, json_of, text_of
from chatdesc.texts.folders import read_folder
from chatdesc.texts.mappings import of_mapping
from chatdesc.texts.of_rows import Words, read_row_texts
from chatdesc.texts.records import of_csv, of_lines, of_list
from chatdesc.texts.said import Said
from chatdesc.types import ChatdescError

WORDS: dict[str, Words] = {"manual": "manual", "refined": "refined"}
KNOWN = (
    "a run, a dataset folder, a Hub repository (USER/NAME), a folder or zip in a layout of `chatdesc export`, or a "
    ".json, .jsonl or .csv file"
)


def read_source(source: str) -> Said:
    """The texts of a source.

    Raises:
        ChatdescError: it holds no texts, or several things of which none is chosen; the message says what to write.
    """
    name, parts = split_part(source)
    words = [WORDS[part] for part in parts if part in WORDS]
    others = [part for part in parts if part not in WORDS]
    if len(words) > 1 or len(others) > 1:
        raise ChatdescError(f"{public_spec(source)}: one of each at most after '#': manual or refined, and a layout")
    said = _read(name, words[0] if words else None, others[0] if others else None)
    if not said.texts:
        raise ChatdescError(f"{public_spec(name)}: holds no text")
    return said


def split_part(source: str) -> tuple[str, tuple[str, ...]]:
    """A source's place, and what follows ``#`` in it; a path that exists is a place as a whole."""
    place, mark, parts = source.rpartition("#")
    if not mark or Path(source).expanduser().exists():
        return source, ()
    return place, tuple(between_commas(parts))


def _read(name: str, words: Words | None, part: str | None) -> Said:
    place = Path(name).expanduser()
    if is_run(place):
        return read_row_texts(name, words or "refined", part)
    if place.is_dir() or (place.suffix.lower() == ".zip" and place.is_file()):
        return read_folder(open_root(place.resolve()), place, words, part)
    if place.exists():
        return _of_file(place, words, part)
    if REPOSITORY.fullmatch(name) and place.suffix.lower() not in FILES:
        return read_row_texts(name, words or "refined", part)
    if "://" in name:
        raise ChatdescError(f"{last_name(name)}: texts are not read from URLs; download it first")
    raise ChatdescError(f"{public_spec(name)}: there is nothing here of this name. A source is {KNOWN}")


def _of_file(place: Path, words: Words | None, part: str | None) -> Said:
    kind = place.suffix.lower()
    if part is not None:
        raise ChatdescError(f"{place.name}#{part}: a file has one layout; leave #{part} out")
    if kind in PICKLED:
        raise ChatdescError(f"{place.name}: is a file of Python objects, which may run code; save it as JSON")
    if kind not in FILES:
        hint = "name the folder that it is in" if kind in (".txt", ".parquet", "") else f"a source is {KNOWN}"
        raise ChatdescError(f"{place.name}: is no file with the texts of many sequences; {hint}")
    return FILES[kind](place, words)


def _of_json(place: Path, words: Words | None) -> Said:
    content = json_of(place)
    if isinstance(content, list):
        return of_list(content, place.name, words or "refined")
    if not isinstance(content, dict):
        raise ChatdescError(f"{place.name}: is neither an object nor a list; write {{sequence: text}}")
    if words == "manual":
        raise ChatdescError(f"{place.name}: says not which texts are manual; leave #manual out")
    return of_mapping(content, place.name)


FILES: dict[str, Callable[[Path, Words | None], Said]] = {
    ".json": _of_json,
    ".jsonl": lambda place, words: of_lines(text_of(place), place.name, words or "refined"),
    ".ndjson": lambda place, words: of_lines(text_of(place), place.name, words or "refined"),
    ".csv": lambda place, words: of_csv(text_of(place), place.name, words or "refined"),
    ".tsv": lambda place, words: of_csv(text_of(place), place.name, words or "refined", "\t"),
}
