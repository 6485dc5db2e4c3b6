"""The texts that the loop tries, one after another: each asked of a describer, or all that it has at once.

>>> texts = TextsToTry(Settings(rounds=0))
>>> steps = texts.next(Describe(frame=None, box=None, prompt="Describe it."))
>>> next(steps).prompt
'Describe it.'
>>> try:
...     steps.send(Candidates(("a red kite", "kite, on the left")))
... except StopIteration as first:
...     first.value.text, texts.given
('a red kite', True)
"""

from __future__ import annotations

from chatdesc.config import Settings
from chatdesc.names import counted
from chatdesc.stages.describe import Description, normalise, understood
from chatdesc.text import fits_clip
from chatdesc.types import Candidates, Describe, Steps, UnreadableAnswer


class TextsToTry:
    """Where the loop takes the next text from.

    Attributes:
        given: whether the describer has given all that it has: then all are tried, and it is not asked again.
        left_out: why some of these are not tried, in words; empty if all are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._asked = 0
        self._waiting: list[Description] = []
        self.given = False
        self.left_out = ""

    def next(self, request: Describe) -> Steps[Description | None]:
        """The next text; None after the last.

        Raises:
            UnreadableAnswer: the answer holds no text, or none that is short enough.
        """
        most = self._settings.max_words
        if not self.given and self._asked <= self._settings.rounds:
            self._asked += 1
            answer: str | Candidates = yield request
            if isinstance(answer, str):
                return (yield from understood(answer, request, self._settings.region, most, self._settings.style))
            self._take(answer)
        return self._waiting.pop(0) if self._waiting else None

    def _take(self, candidates: Candidates) -> None:
        """Keep the candidates as trackers read them, each once, without those that are too long."""
        most = self._settings.max_words
        read = list(dict.fromkeys(filter(None, map(normalise, candidates.texts))))
        fitting = [text for text in read if len(text.split()) <= most and fits_clip(text)]
        longer = counted(len(read) - len(fitting), "text is", "texts are")
        why = f"{longer} longer than --max-words ({most}) or than CLIP's context"
        if not fitting:
            raise UnreadableAnswer(f"{why}, and no other is there; shorten them, or raise --max-words")
        self.given, self._waiting = True, [Description(text, raw=text) for text in fitting]
        self.left_out = f"{why}, and not tried" if len(fitting) < len(read) else ""
