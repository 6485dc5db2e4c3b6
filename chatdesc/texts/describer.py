"""The describer ``file:SOURCE``: texts that somebody wrote before, as candidates of a run's first round.

>>> from tempfile import mkdtemp
>>> from pathlib import Path
>>> place = Path(mkdtemp()) / "mine.json"
>>> _ = place.write_text('{"kite-1": ["a red kite", "kite"], "bus-2": {"0": "a bus", "50": "the bus on the left"}}')
>>> mine = FileDescriber(str(place))
>>> mine.texts_for("kite-1"), mine.texts_for("bus-2", at=80), mine.texts_for("cat-3")
(('a red kite', 'kite'), ('the bus on the left',), ())
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cached_property
from hashlib import sha256
from typing import Any

from chatdesc.config import public_spec
from chatdesc.protocols import each
from chatdesc.stages.track import in_force
from chatdesc.texts.matching import match
from chatdesc.texts.said import Said
from chatdesc.texts.source import read_source
from chatdesc.types import BackendError, Candidates, ChatdescError, Describe


class FileDescriber:
    """Answers with the texts that a source has of the sequence; it looks at no picture.

    Sequences are matched by their exact names: a describer sees one at a time, so it cannot tell whether a similar name
    is another sequence's.

    Args:
        model: the source, as ``--texts`` takes it; what follows an ``@`` comes as the revision.
    """

    max_batch = 1024
    workers = 1
    cacheable = False

    def __init__(self, model: str = "", revision: str = "", **options: Any) -> None:
        self._source = f"{model}@{revision}" if revision else model
        if not self._source:
            raise ChatdescError("--describer file: names no source; write file:SOURCE, such as file:texts.json")
        self.name = f"file:{public_spec(self._source)}"

    @cached_property
    def _said(self) -> Said:
        return read_source(self._source)

    def describe_self(self) -> dict[str, str]:
        """The source's name without folders, and a hash of its texts.

        Raises:
            ChatdescError: the source cannot be read.
        """
        texts = {name: asdict(said) for name, said in self._said.texts.items()}
        content = json.dumps(texts, sort_keys=True, ensure_ascii=True).encode()
        return {"name": "file", "source": public_spec(self._source), "sha256": sha256(content).hexdigest()}

    def texts_for(self, sequence: str, at: int = 0) -> tuple[str, ...]:
        """What is tried for a sequence: of texts over time the one in force at frame ``at``, else all."""
        if (said := self._said.texts.get(sequence)) is None:
            return ()
        return (in_force(said.phrases, at).text,) if len(said.phrases) > 1 else said.candidates

    def describe(self, requests: list[Describe]) -> list[Candidates | Exception]:
        """The texts of each request's sequence; a BackendError where there is none."""
        return each(requests, self._describe)

    def _describe(self, request: Describe) -> Candidates:
        texts = self.texts_for(request.sequence, request.at)
        if not texts:
            close = match([request.sequence], self._said.texts)
            other = next(iter((close.spelt | close.close).values()), None)
            hint = f"{other} is close to it: rename that if the same is meant" if other else "add one"
            raise BackendError(
                f"{public_spec(self._source)} has no text for {request.sequence}; {hint} (and name another --out), or "
                "leave the sequence out with --sequences"
            )
        return Candidates(texts)
