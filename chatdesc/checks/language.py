"""English words: which there are, how frequent they are, and what they can be in a sentence.

The lists come from packages: words and pairs of words with their frequencies (British spelling) from symspellpy, the
dictionary of American English from hunspell, inflections from lemminflect.

>>> lexicon = english()
>>> lexicon.knows("colored"), lexicon.knows("grey"), lexicon.knows("motorcylce")
(True, True, False)
>>> lexicon.near("motorcylce")
['motorcycle']
>>> sorted(tags("swing")), sorted(tags("men")), sorted(tags("behind"))
(['NN', 'VB'], ['NNS'], ['IN'])
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property, lru_cache
from importlib.metadata import version
from importlib.resources import files
from string import ascii_lowercase

DETERMINERS = frozenset("a an the this that these those his her its their my your our each every another".split())
MANY = frozenset("two three four five six seven eight nine ten several many few these those both other".split())
PREPOSITIONS = frozenset(
    "of in on at by to for from with without into onto near among between behind under over above below across along "
    "around through toward towards against inside outside beside before after upon off out up down beneath within "
    "during past beyond underneath".split()
)
JOINING = frozenset("and or but while as than then who which whose where when that".split())
BEING = frozenset("is are was were be been being am has have had does do did".split())
PRONOUNS = frozenset("it he she they them him himself herself itself themselves i we you us me someone".split())
GROUPS = frozenset("group couple herd bunch flock pair pack crowd team".split())  # "of" several


class Lexicon:
    """The words of English with their frequency."""

    def __init__(self) -> None:
        from hunspell import Hunspell

        self._speller = Hunspell("en_US")
        self._counts = _counted("frequency_dictionary_en_82_765.txt")
        self._pairs = _counted("frequency_bigramdictionary_en_243_342.txt")
        self._total = sum(self._counts.values())
        self._followed = _first_words(self._pairs)

    def knows(self, word: str) -> bool:
        """Whether ``word`` (any case) is English: alone, as a possessive, or as parts joined by hyphens."""
        return _known(self, word.lower().replace("’", "'"))

    def frequency(self, word: str) -> float:
        """Its share of running text; that of a rare word where only the dictionary has it."""
        return max(self._counts.get(word, 0), RARE) / self._total

    def pair(self, first: str, second: str) -> float:
        """The share of ``second`` among the words that often follow ``first``; 0 where the pair is rare."""
        return self._pairs.get(f"{first} {second}", 0) / self._followed.get(first, 1)

    def near(self, word: str) -> list[str]:
        """Known words one edit away (a letter too many, missing, wrong, or two swapped), the most frequent first."""
        found = {other for other in edits(word) if self.spells(other)} - {word}
        return sorted(found, key=lambda other: (-self.frequency(other), other))

    def turned(self, word: str) -> str | None:
        """The frequent word that a rare one becomes when two of its letters change places: solider, soldier."""
        if len(word) < TURNED or word not in self._counts or self.frequency(word) > SELDOM:
            return None
        options = (word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1))
        frequent = TIMES * self.frequency(word)
        return next((other for other in options if self.frequency(other) > frequent), None)

    def near_by_two(self, word: str) -> list[str]:
        """Words two edits away that start with the same letter, the most frequent first."""
        sizes = range(len(word) - 2, len(word) + 3)
        candidates = (other for size in sizes for other in self._by_start.get((word[:1], size), ()))
        letters = set(word)
        found = [o for o in candidates if len(letters ^ set(o)) <= 4 and distance(word, o) <= 2]
        return sorted(found, key=lambda other: (-self.frequency(other), other))

    @cached_property
    def _by_start(self) -> dict[tuple[str, int], list[str]]:
        found: dict[tuple[str, int], list[str]] = {}
        for word in self._counts:
            found.setdefault((word[0], len(word)), []).append(word)
        return found

    def spells(self, word: str) -> bool:
        """Whether ``word`` (lower case, letters only) is in one of the lists."""
        if len(word) < 2:
            return word in ("a", "i")
        return word in self._counts or (word.isascii() and _in_dictionary(self, word))

    def is_abbreviation(self, word: str) -> bool:
        """Whether the dictionary has ``word`` (lower case) in capitals only: SUV."""
        return not self._speller.spell(word) and self._speller.spell(word.upper()) and len(word) <= ABBREVIATION

    def spelled(self, word: str) -> bool:
        """Whether the dictionary has ``word`` in one of the cases that names and abbreviations have."""
        cases = (word, word.capitalize(), word.upper()) if len(word) <= ABBREVIATION else (word, word.capitalize())
        return any(self._speller.spell(case) for case in cases)


RARE = 20_000  # of 5e11: the count of a word that only the dictionary has
TURNED = 5  # letters of a word that is compared with one of the same letters
SELDOM = 3e-6  # share in English of a word that may be another with two letters swapped ...
TIMES = 50.0  # ... which is so many times as frequent
ABBREVIATION = 4  # letters: longer words in capitals are names of organisations


@cache
def english() -> Lexicon:
    """The lexicon, read once."""
    return Lexicon()


def sources() -> str:
    """The packages behind the word lists, with their versions."""
    return ", ".join(f"{name} {version(name)}" for name in ("symspellpy", "chunspell", "lemminflect"))


def edits(word: str) -> Iterator[str]:
    """Every string one edit away from ``word``; some come twice."""
    for i in range(len(word) + 1):
        head, tail = word[:i], word[i:]
        if tail:
            yield head + tail[1:]
            if len(tail) > 1:
                yield head + tail[1] + tail[0] + tail[2:]
            yield from (head + letter + tail[1:] for letter in ascii_lowercase)
        yield from (head + letter + tail for letter in ascii_lowercase)


def distance(one: str, other: str) -> int:
    """How many edits make one word the other: letters missing, added, changed, or two side by side swapped.

    >>> distance("motorcylce", "motorcycle"), distance("kitten", "sitting")
    (1, 3)
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, target in enumerate(other, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != target))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == target:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]


@lru_cache(maxsize=100_000)
def tags(word: str) -> frozenset[str]:
    """What a word (lower case) can be, in Penn tags: NN, NNS, VB, VBZ, VBG, VBD, VBN, JJ, RB; DT, CD, IN, CC, BE, PRP.

    A word without inflections in the lists is taken for a noun.
    """
    for tag, words in (("DT", DETERMINERS), ("CD", MANY), ("IN", PREPOSITIONS), ("CC", JOINING), ("BE", BEING),
                       ("PRP", PRONOUNS)):  # fmt: skip
        if word in words:
            return frozenset({tag})
    found = set()
    for part, lemmas in _lemmas(word).items():
        found |= _tags_of(word, part, lemmas[0])
    return frozenset(found or {"NNS" if word[-1:] == "s" and english().spells(word[:-1]) else "NN"})


@lru_cache(maxsize=100_000)
def forms(word: str) -> dict[str, frozenset[str]]:
    """The other inflected forms of a word (lower case), each with what it can be."""
    found: set[str] = set()
    for part, lemmas in (_lemmas(word) or {"NOUN": (word,)}).items():
        if part in ("NOUN", "VERB", "ADJ"):
            inflected = _inflections(lemmas[0], part)
            found.update(form for options in inflected.values() for form in options)
    return {form: tags(form) for form in found - {word}}


def lemma(word: str, part: str = "NOUN") -> str:
    """The dictionary form of ``word`` as a noun or a VERB; itself where it is none.

    >>> lemma("women"), lemma("riding", "VERB")
    ('woman', 'ride')
    """
    return _lemmas(word).get(part, (word,))[0]


def plural(noun: str) -> str | None:
    """The plural of a noun that is counted; None for one without (snow) or with the same plural (sheep).

    >>> plural("woman"), plural("sheep"), plural("snow")
    ('women', None, None)
    """
    options = _inflections(noun, "NOUN").get("NNS", ())
    if not options or noun in options:
        return None
    many = max(options, key=english().frequency)
    counted = english().frequency(many) > COUNTED * english().frequency(noun)
    return many if counted else None


COUNTED = 0.06  # a noun whose plural is rarer, by its side, is hardly ever counted


@lru_cache(maxsize=100_000)
def _lemmas(word: str) -> dict[str, tuple[str, ...]]:
    from lemminflect import getAllLemmas

    return dict(getAllLemmas(word))


@lru_cache(maxsize=100_000)
def _inflections(base: str, part: str) -> dict[str, tuple[str, ...]]:
    from lemminflect import getAllInflections, getInflection

    found = dict(getAllInflections(base, upos=part))
    if "VBD" in found and "VBN" not in found:  # regular verbs lack it
        found["VBN"] = found["VBD"]
    if part == "NOUN" and not found and english().spells(base):
        found = {"NN": (base,), "NNS": getInflection(base, "NNS")}
    if len(found.get("NNS", ())) > 1:  # rides, not ride
        found["NNS"] = tuple(form for form in found["NNS"] if form != base)
    return found


def _tags_of(word: str, part: str, base: str) -> set[str]:
    if part in ("NOUN", "VERB"):
        found = {tag for tag, options in _inflections(base, part).items() if word in options} - {"VBP"}
        return found or {"NN" if part == "NOUN" else "VB"}
    return {{"ADJ": "JJ", "ADV": "RB", "PROPN": "NN"}.get(part, "BE")}


@lru_cache(maxsize=100_000)
def _known(lexicon: Lexicon, word: str) -> bool:
    if "-" in word:
        return all(len(part) < 2 or _known(lexicon, part) for part in word.split("-"))
    bare = word.removesuffix("'s").removesuffix("s'") if word.endswith(("'s", "s'")) else word
    return lexicon.spells(bare) or ("'" in word and lexicon.spelled(word))


@lru_cache(maxsize=100_000)
def _in_dictionary(lexicon: Lexicon, word: str) -> bool:
    return lexicon.spelled(word)


def _first_words(pairs: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for pair, count in pairs.items():
        first = pair.partition(" ")[0]
        found[first] = found.get(first, 0) + count
    return found


def _counted(name: str) -> dict[str, int]:
    lines = files("symspellpy").joinpath(name).read_text("utf-8-sig").splitlines()
    split = (line.rpartition(" ") for line in lines)
    return {words: int(count) for words, _, count in split}
