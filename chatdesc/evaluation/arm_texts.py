"""Arms of a comparison, and the words that each gives a sequence.

>>> [arm.name for arm in ARMS]
['no-text', 'manual', 'refined', 'refined-random', 'refined-oracle']
>>> [arm.name for arm in chosen_arms("default,shuffled-other-class", ["mine"])]
['no-text', 'shuffled-other-class', 'manual', 'mine', 'refined', 'refined-random', 'refined-oracle']
>>> [arm.name for arm in chosen_arms(None, ["mine", "yours"], refined=False)]
['no-text', 'manual', 'mine', 'yours']
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from chatdesc.evaluation.arm_rows import ArmWords
from chatdesc.evaluation.phrases import phrases, said
from chatdesc.names import between_commas, near
from chatdesc.rows.schema import Row
from chatdesc.stages.track import Phrase
from chatdesc.texts.named import NamedTexts
from chatdesc.types import ChatdescError, one_line

NO_TEXT, MANUAL, REFINED = "no-text", "manual", "refined"
SAME_CLASS, OTHER_CLASS, ORACLE_WORDS = "shuffled-same-class", "shuffled-other-class", "oracle-words"
SHUFFLED = (SAME_CLASS, OTHER_CLASS)
DEFAULT, ALL = "default", "all"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to track: with which words ('': none), and who verifies ('': as the run did)."""

    name: str
    words: str = ""
    verifier: str = ""


BOUNDS = (Arm("refined-random", REFINED, "random"), Arm("refined-oracle", REFINED, "oracle"))
ARMS = (Arm(NO_TEXT), Arm(MANUAL, MANUAL), Arm(REFINED, REFINED), *BOUNDS)
SEE_THE_TRUTH = ("refined-oracle", ORACLE_WORDS)


def chosen_arms(asked: str | None, sources: Sequence[str] = (), refined: bool = True) -> tuple[Arm, ...]:
    """The arms of ``--arms``, in the order of the tables.

    Args:
        asked: names with commas; ``default`` stands for those without shuffled and oracle words, ``all`` for all; None
            is ``default``.
        sources: the names of ``--texts``.
        refined: whether there are refined texts.

    Raises:
        ChatdescError: a name is no arm, or a source has the name of one or takes no part.
    """
    named = [Arm(name, name) for name in sources]
    known = [Arm(NO_TEXT), *(Arm(name, name) for name in (*SHUFFLED[::-1], MANUAL)), *named]
    known += [*([Arm(REFINED, REFINED), *BOUNDS] if refined else []), Arm(ORACLE_WORDS, ORACLE_WORDS)]
    names = [arm.name for arm in known]
    if taken := [name for name in sources if names.count(name) > 1]:
        raise ChatdescError(f"--texts {taken[0]}=...: an arm has that name already; give the source another one")
    default = [name for name in names if name not in (*SHUFFLED, ORACLE_WORDS)]
    wanted: set[str] = set()
    for name in between_commas(asked) if asked else [DEFAULT]:
        if not refined and name in (REFINED, *(arm.name for arm in BOUNDS)):
            raise ChatdescError(f"--arms {name}: a dataset has no refined text; name a run in place of the dataset")
        if name not in (DEFAULT, ALL, *names):
            raise ChatdescError(f"--arms {name}: is none of {', '.join(names)}, default, all{near(name, names)}")
        wanted.update(default if name == DEFAULT else names if name == ALL else [name])
    if idle := [name for name in sources if name not in wanted and ORACLE_WORDS not in wanted]:
        raise ChatdescError(f"--texts {idle[0]}=...: takes no part, as --arms does not name it; add {idle[0]} there")
    return tuple(arm for arm in known if arm.name in wanted)


@dataclass(frozen=True, slots=True)
class Donor:
    """A sequence whose text another one may get: its class, None where that is not known, and its text."""

    category: str | None
    texts: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of each arm for a sequence.

    Attributes:
        sources: the texts of ``--texts``.
        donors: by sequence, all whose texts are shuffled, those that are not compared too.
        seed: of the choice among them.
    """

    sources: Mapping[str, NamedTexts] = field(default_factory=dict)
    donors: Mapping[str, Donor] = field(default_factory=dict)
    seed: int = 0

    def of(self, words: str, row: Row) -> ArmWords | None:
        """The words of a sequence; None where it has none. ``oracle-words`` are chosen among ``candidates``."""
        if not words:
            return ArmWords(phrases(row, ""))
        if words in SHUFFLED:
            return self._shuffled(words, row)
        if words == REFINED:
            return ArmWords(phrases(row, REFINED)) if row["text"] is not None else None
        texts = self.texts(words, row)
        return ArmWords(said(row, texts)) if texts else None

    def texts(self, words: str, row: Row) -> tuple[Phrase, ...]:
        """A sequence's texts in a source, ``manual`` or ``refined``; empty where it has none."""
        if words == MANUAL:
            manual = one_line(row["manual_text"] or "")
            return (Phrase(0, manual),) if manual else ()
        if words == REFINED:
            return phrases(row, REFINED) if row["text"] is not None else ()
        texts = self.sources[words].texts.get(row["sequence"])
        return tuple(phrase for phrase in texts.phrases if phrase.text) if texts else ()

    def candidates(self, row: Row) -> dict[tuple[Phrase, ...], str]:
        """All texts of a sequence that ``oracle-words`` may be, each once, with where it is from."""
        found: dict[tuple[Phrase, ...], str] = {}
        for source in (MANUAL, *self.sources, REFINED):
            if words := self.of(source, row):
                found.setdefault(words.phrases, source)
        for name, named in self.sources.items():
            texts = named.texts.get(row["sequence"])
            for text in texts.candidates if texts else ():
                found.setdefault(said(row, (Phrase(0, text),)), name)
        first = row["rounds"][0]["start"] if row["rounds"] else 0
        for tried in row["rounds"]:
            if tried["start"] == first and tried["text"]:
                found.setdefault(said(row, (Phrase(0, one_line(tried["text"])),)), f"round ({tried['source']})")
        return found

    def _shuffled(self, kind: str, row: Row) -> ArmWords | None:
        name, own = row["sequence"], row["category"]
        before = self.donors.get(name)
        fitting = [
            other
            for other, donor in self.donors.items()
            if other != name and _fits(kind, own, donor.category) and not _alike(donor, before)
        ]
        if not fitting:
            return None
        donor = min(fitting, key=lambda other: _lot(self.seed, kind, name, other))
        return ArmWords(said(row, self.donors[donor].texts), donor)


def _fits(kind: str, own: str | None, other: str | None) -> bool:
    """Where a class is not known, any other sequence counts as of another one."""
    if own is None or other is None:
        return kind == OTHER_CLASS
    return (own == other) == (kind == SAME_CLASS)


def _alike(donor: Donor, own: Donor | None) -> bool:
    """Whether a donor's text is the sequence's own: many sequences may have the same one."""
    return own is not None and [p.text.casefold() for p in donor.texts] == [p.text.casefold() for p in own.texts]


def _lot(seed: int, kind: str, name: str, other: str) -> bytes:
    """What decides between donors: of the pair alone, so that more sequences change few choices."""
    return sha256("\0".join((str(seed), kind, name, other)).encode("utf-8", "surrogateescape")).digest()


def donors_in(rows: Iterable[Row], wording: Wording, words: str) -> dict[str, Donor]:
    """The sequences that have a text in a source, ``manual`` or ``refined``."""
    found = ((row, wording.texts(words, row)) for row in rows)
    return {row["sequence"]: Donor(row["category"], texts) for row, texts in found if texts}
