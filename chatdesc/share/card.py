"""The dataset card: which dataset was re-annotated with what, how good the texts are, and how to load them.

>>> from datasets import DatasetInfo, SplitDict, SplitInfo
>>> from chatdesc.rows.schema import empty_row, features
>>> tally = Tally("lasot")
>>> tally.add(empty_row() | {"sequence": "bus-2", "text": "a red bus", "text_source": "refined", "status": "ok"})
>>> splits = SplitDict({"test": SplitInfo("test", num_bytes=1, num_examples=1)})
>>> card = render(tally, DatasetInfo(features=features(), splits=splits, download_size=1, dataset_size=1))
>>> next(line for line in card.splitlines() if line.startswith("# ")), "| ok | 1 |" in card
('# LaSOT, re-annotated by chatdesc', True)

The facts about source datasets are in ``cards/NAME.yaml``, the words in ``cards/dataset_card.md.jinja``.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.paired import FEW, Interval, compare_pairs, known_mean
from chatdesc.rows.schema import COLUMNS, INFORMING, LATER, AlignmentRecord, Provenance, Row
from chatdesc.share.facts import facts
from chatdesc.share.layouts import layout_for
from chatdesc.share.licences import writers
from chatdesc.share.markdown import code, plain
from chatdesc.tables import digits_for, show
from chatdesc.types import one_line
from chatdesc.version import __version__

if TYPE_CHECKING:
    from datasets import DatasetInfo
    from huggingface_hub import DatasetCardData
    from jinja2 import Template

ANYWHERE = "PATH_OR_REPOSITORY"  # in the card of a folder, which does not know where it will lie
UNSAFE = re.compile(r"[^\w.-]+", re.ASCII)  # in the name of a configuration within an example
GROUNDING = {"manual_iou": "manual text", "round0_iou": "first answer (round 0)", "iou": "chosen text"}
TRACKING = {
    "auc": "success AUC",
    "precision": "precision @ 20 px",
    "norm_precision": "normalised precision",
}
VERIFICATION = {
    "random_iou": "verification: IoU of a random proposal (floor)",
    "chosen_iou": "verification: IoU of the chosen proposal",
    "oracle_iou": "verification: IoU of the best proposal (ceiling)",
}


class Tally:
    """The counts and numbers of a card, gathered row by row; the rows themselves are not kept."""

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        self.statuses: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.scopes: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        self.audited = self.suspicious = 0
        self.provenance: dict[str, Provenance] = {}
        self.values: defaultdict[str, list[float]] = defaultdict(list)
        self.encoders: defaultdict[str, list[AlignmentRecord]] = defaultdict(list)
        self.names: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, row: Row) -> None:
        """Count a row; columns that it lacks count as null."""
        self.statuses[row["status"] or "unknown"] += 1
        if row.get("text") is not None:
            self.sources[row["text_source"] or "unknown"] += 1
            self.scopes[row["scope"] or "unknown"] += 1
        if made_by := row.get("provenance"):
            self.provenance.setdefault(json.dumps(made_by, sort_keys=True), made_by)
        kinds = {finding["kind"] or "unknown" for finding in row.get("audit") or []}
        self.findings.update(kinds)
        self.audited += bool(kinds)
        self.suspicious += bool(kinds - INFORMING)
        self._add_numbers("grounding", row.get("grounding"), GROUNDING, "grounder")
        self._add_numbers("tracking", row.get("tracking"), TRACKING | VERIFICATION, "protocol")
        for entry in row.get("alignment") or []:
            self.encoders[entry["encoder"]].append(entry)

    def _add_numbers(self, column: str, entry: Mapping[str, Any] | None, keys: Iterable[str], name: str) -> None:
        if entry:
            self.names[column].add(entry.get(name) or "unknown")
            for key in keys:
                self.values[f"{column}.{key}"].append(_number(entry.get(key)))

    @property
    def late(self) -> int:
        """How many texts were chosen with more than the first frame."""
        return sum(count for scope, count in self.scopes.items() if scope in LATER)

    def means(self, column: str, labels: dict[str, str]) -> list[tuple[str, str, int]]:
        """(label, mean, sequences) for each number that some row has, over the rows that have all of them.

        The last number comes again over all of its rows where these are more.
        """
        columns = {key: np.array(self.values[f"{column}.{key}"]) for key in labels}
        columns = {key: values for key, values in columns.items() if not np.isnan(values).all()}
        if not columns:
            return []
        whole = ~np.any([np.isnan(values) for values in columns.values()], axis=0)
        lines = [_mean_line(labels[key], values[whole]) for key, values in columns.items() if whole.any()]
        last = [(labels[key], values[~np.isnan(values)]) for key, values in columns.items()][-1]
        more = len(last[1]) > whole.sum()
        return lines + ([_mean_line(f"{last[0]}, all that have it", last[1])] if more else [])

    def alignments(self) -> list[AlignmentLine]:
        """Two lines for each encoder, by name."""
        return [line for name, entries in sorted(self.encoders.items()) for line in _alignment(name, entries)]


def _mean_line(label: str, values: NDArray[np.float64]) -> tuple[str, str, int]:
    return label, f"{values.mean():.3f}", len(values)


@dataclass(frozen=True, slots=True)
class AlignmentLine:
    """One encoder's means of manual and chosen text, or of their margins, over the same pairs, as text.

    ``truncated`` counts the chosen texts that the encoder cut, of all ``sequences``.
    """

    encoder: str
    measure: str
    manual: str
    refined: str
    gain: str
    detectable: str
    pairs: int
    truncated: int
    sequences: int


def _alignment(encoder: str, entries: list[AlignmentRecord]) -> list[AlignmentLine]:
    """A line for the cosine and one for the margin."""
    cosines = [(_number(e["manual"]), _number(e["refined"])) for e in entries]
    margins = [(_number(e["manual_margin"]), _number(e["refined_margin"])) for e in entries]
    truncated = sum(bool(e.get("truncated")) for e in entries)
    return [
        _alignment_line(encoder, measure, pairs, truncated)
        for measure, pairs in (("cosine", cosines), ("margin", margins))
    ]


def _alignment_line(encoder: str, measure: str, pairs: list[tuple[float, float]], truncated: int) -> AlignmentLine:
    manual, refined = ([pair[side] for pair in pairs] for side in (0, 1))
    gap = compare_pairs(manual, refined)
    digits = _digits(gap)
    before, after = (gap.before, gap.after) if gap.count else (known_mean(manual), known_mean(refined))
    return AlignmentLine(
        encoder,
        measure,
        manual=show(before, digits),
        refined=show(after, digits),
        gain=_interval(gap),
        detectable=show(gap.detectable, digits),
        pairs=gap.count,
        truncated=truncated,
        sequences=len(pairs),
    )


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _digits(gap: Interval) -> int:
    known = gap.low is not None and gap.high is not None
    half = (gap.high - gap.low) / 2 if known else gap.mean  # type: ignore[operator]
    return digits_for(half or 0.0)


def _interval(gap: Interval) -> str:
    if gap.mean is None:
        return "-"
    digits = _digits(gap)
    if gap.low is None:
        bounds = f"fewer than {FEW} pairs" if gap.count < FEW else "all alike"
    else:
        bounds = f"{gap.low:+.{digits}f}, {gap.high:+.{digits}f}"
    return f"{gap.mean:+.{digits}f} [{bounds}]"


def render(
    tally: Tally,
    info: DatasetInfo,
    text_licence: str | None = None,
    repository: str = ANYWHERE,
    config: str | None = None,
    pictures: Mapping[str, str] | None = None,
    account: str = "",
) -> str:
    """The whole README.md, with the YAML that ``datasets`` and the Hub read.

    Args:
        info: features, splits and sizes of the parquet files.
        text_licence: the licence that the publisher gives to the new texts; None if none was stated.
        repository: where the examples load from.
        config: the configuration that the examples name; None takes the source dataset's name.
        pictures: paths in the repository by the names of ``card_plots`` and ``hub_card``.
        account: requests, tokens and cost of the describer, in a line; empty where nothing is known.
    """
    source = facts(tally.dataset)
    images = {"images": "the frames' files, in order"} if "images" in info.features else {}
    text = _template().render(
        metadata=_metadata(tally.dataset, info).to_yaml(),
        source=source,
        writers=writers(tally.provenance.values()),
        text_licence=text_licence or source.text_licence,
        tally=tally,
        repository=repository,
        config=config or UNSAFE.sub("-", tally.dataset),
        layout=layout_for(tally.dataset),
        splits={name: split.num_examples for name, split in info.splits.items()},
        columns=COLUMNS | images,
        grounding=tally.means("grounding", GROUNDING),
        tracking=tally.means("tracking", TRACKING) + tally.means("tracking", VERIFICATION),
        alignments=tally.alignments(),
        runs=[_unpacked(run) for run in tally.provenance.values()],
        version=__version__,
        pictures=pictures or {},
        account=account,
    )
    return text.rstrip() + "\n"


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    words = (files("chatdesc.cards") / "dataset_card.md.jinja").read_text(encoding="utf-8")
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters |= {"plain": plain, "code": code}
    return environment.from_string(words)


def _metadata(dataset: str, info: DatasetInfo) -> DatasetCardData:
    """The card's YAML: one configuration, with the name of the source dataset."""
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    data = DatasetCardData(
        language=["en"],
        license="other",
        license_name="see-source-dataset",
        pretty_name=f"{one_line(facts(dataset).pretty_name)}, re-annotated by chatdesc",
        tags=["visual-object-tracking", "vision-language-tracking", "chatdesc"],
    )
    paths = [{"split": name, "path": f"data/{name}-*.parquet"} for name in info.splits]
    data["configs"] = [{"config_name": dataset, "data_files": paths}]
    DatasetInfosDict({dataset: info}).to_dataset_card_data(data)
    return data


def _unpacked(provenance: Provenance) -> str:
    """A run's provenance as indented JSON; JSON inside its texts becomes part of it."""
    values = {name: _parsed(value) for name, value in provenance.items()}
    return json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False).replace("<!--", "\\u003c!--")


def _parsed(value: object) -> object:
    if isinstance(value, list):
        return [_parsed(item) for item in value]
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return _parsed(json.loads(value))
        except ValueError:
            return value
    return value
