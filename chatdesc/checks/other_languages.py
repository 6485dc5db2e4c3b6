"""Which language a text is in, where it is not English: such texts are left alone by what knows English only.

>>> language("ein roter Drachen am Himmel"), language("\u5929\u7a7a\u4e2d\u7684\u98ce\u7b5d"), language("a red kite")
('German', 'Chinese', None)

Writing systems are told by their letters, languages in Latin letters by their commonest small words: two of them, or an
article at the beginning, and more than there are English ones. Another text counts as English.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

SCRIPTS = {
    "CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean",
    "CYRILLIC": "in Cyrillic letters", "ARABIC": "in Arabic letters", "DEVANAGARI": "in Devanagari letters",
    "GREEK": "Greek", "HEBREW": "Hebrew", "THAI": "Thai", "BENGALI": "Bengali", "TAMIL": "Tamil",
    "ARMENIAN": "Armenian", "GEORGIAN": "Georgian",
}  # fmt: skip
ENGLISH = frozenset(
    "a an the this that these those of on in at by to for from with without and or as is are was be being it its his "
    "her him he she they their who which while into onto near next not no one two up out off over under behind "
    "between front back has have had we i you all some other another than then there man men sole die door van per "
    "pour para bu o e y w z do".split()
)
SMALL_WORDS = {
    "Dutch": "de het een van op met naar door zonder tegen voor achter naast wordt zijn haar aan uit bij over die dat",
    "French": "le la les un une des du de au aux dans sur avec sans sous pour par et est qui en vers près devant entre",
    "German": "der die das den dem des ein eine einen einem einer auf mit im am und ist sich von vor neben zu aus über",
    "Indonesian": "yang di ke dari dan dengan sebuah seorang seekor pada untuk sedang oleh adalah ini itu para",
    "Italian": "il lo la gli le un uno una di del della dei delle su sul sulla con per che nel nella al alla e è dal",
    "Polish": "w na z do i jest się przez przed obok po od ze który która dla pod nad oraz nie to przy są ma",
    "Portuguese": "o os um uma uns umas do da dos das no na nos nas com em sobre por para que ao à e pela pelo",
    "Spanish": "el los las un una unos unas de del en con sobre por para que al y junto la está lo",
    "Swedish": "en ett och på med i av från till som är under bakom framför bredvid vid den det sin",
    "Turkish": "bir ve ile için olan üzerinde içinde bu o yanında altında doğru gibi önünde",
    "Vietnamese": "một của trên và trong đang với là cái con người màu bên phía dưới",
}
_WORDS = {name: frozenset(words.split()) - ENGLISH for name, words in SMALL_WORDS.items()}
FEW = 2  # small words of a language that are no chance


@lru_cache(maxsize=8192)
def language(text: str) -> str | None:
    """The language of a text, or its writing system where that is all that is known; None for English."""
    letters = [char for char in text[:1000] if char.isalpha()]
    scripts = Counter(_script(char) for char in letters)
    if scripts and 2 * sum(count for name, count in scripts.items() if name) > len(letters):
        del scripts[""]
        return "Japanese" if scripts["Japanese"] else scripts.most_common(1)[0][0]
    return _latin(_bare(text[:1000]).split())


def languages(texts: Iterable[str]) -> list[str | None]:
    """The language of each text; one without small words is in the language of most of the texts that have some.

    >>> languages(["ein roter Bus auf der Straße", "der Bus im Regen", "roter Bus", "a red bus"])
    ['German', 'German', 'German', None]
    """
    known = [(text, language(text)) for text in texts]
    found = Counter(name or "" for text, name in known if name or says_english(text))
    most = found.most_common(1)[0][0] if found else ""
    return [name or (most if most and text.strip() and not says_english(text) else None) for text, name in known]


def says_english(text: str) -> bool:
    """Whether a text has a small word of English."""
    return not ENGLISH.isdisjoint(word.lower() for word in _bare(text[:1000]).split())


def _script(char: str) -> str:
    """The language or writing system of a letter; empty for Latin and for what is not known."""
    return "" if char.isascii() else SCRIPTS.get(unicodedata.name(char, "").split(" ")[0].split("-")[0], "")


def _bare(text: str) -> str:
    """A text without the punctuation around its words."""
    return re.sub(r"(?:^|(?<=\s))[^\w\s]+|[^\w\s]+(?=\s|$)", "", unicodedata.normalize("NFC", text))


def _latin(cased: list[str]) -> str | None:
    words = [word.lower() for word in cased]
    hits = {name: [word in small for word in words] for name, small in _WORDS.items()}
    best = max(hits, key=lambda name: sum(hits[name]))
    found = sum(hits[best])
    article = found and hits[best][0] and len(words) > 1 and cased[1].islower()  # "Le Mans" is a name
    return best if (found >= FEW or article) and found > sum(word in ENGLISH for word in words) else None
