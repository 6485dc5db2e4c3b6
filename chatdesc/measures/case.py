"""What a measure is given, a sequence with its texts and what was seen of them, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chatdesc.config import Settings, public_spec
from chatdesc.rows.schema import MeasureRecord
from chatdesc.stages.align import Wording
from chatdesc.stages.look import Sight, View
from chatdesc.types import Sequence, Steps

LOOKS, WORDS, ANSWERS, SEVERAL = "looks", "words", "answers", "several texts"  # what a measure needs


@dataclass(frozen=True, slots=True)
class Case:
    """One sequence with its texts.

    Attributes:
        texts: name -> phrases in force from a frame on.
        sights: name -> what was seen of each phrase, in the order of frames; empty where no measure needs it.
        threshold: the grounder's score under which a region is no proposal; None where nothing was grounded.
    """

    sequence: Sequence
    texts: Mapping[str, Wording]
    settings: Settings
    threshold: float | None
    frames: tuple[int, ...]
    sights: Mapping[str, tuple[Sight, ...]] = field(default_factory=dict)

    def views(self, name: str) -> Iterator[tuple[str, View]]:
        """The views of a text, in the order of frames, each with the phrase that was in force."""
        return ((sight.text, view) for sight in self.sights.get(name, ()) for view in sight.views)

    def record(
        self,
        measure: str,
        name: str,
        value: float | None,
        values: Mapping[int, float] | None = None,
        *,
        models: tuple[str, ...] = (),
        region: str | None = None,
        **more: Any,
    ) -> MeasureRecord:
        """A record of this case.

        Args:
            values: frame -> value.
            models: specs of the models that made it.
            region: the region that a describer was shown.
            more: other fields of a MeasureRecord.
        """
        found: MeasureRecord = {
            "measure": measure,
            "text": name,
            "value": value,
            "frames": list(values or {}),
            "values": [float(v) for v in (values or {}).values()],
            "stops_at": None,
            "words": [],
            "roles": [],
            "asked": [],
            "kinds": [],
            "answers": [],
            "compared": [],
            "made_by": [public_spec(spec) for spec in models],
            "theta": self.settings.theta,
            "threshold": self.threshold,
            "region": region,
        }
        return found | more  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of texts.

    Attributes:
        name: as in ``--measures``.
        about: what a higher value means.
        of: a generator that measures one text of a case.
        needs: what it needs, of LOOKS, WORDS, ANSWERS and SEVERAL.
    """

    name: str
    about: str
    of: Callable[[Case, str], Steps[MeasureRecord]]
    needs: frozenset[str] = frozenset({LOOKS})
