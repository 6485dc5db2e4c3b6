"""The dataset card: what was done to which dataset, with what, how good it is, and how to load it.

>>> tally = Tally("lasot")                                                  # doctest: +SKIP
>>> for row in rows:
...     tally.add(row)
>>> print(render(tally, info))      # README.md, with the YAML that ``datasets`` and the Hub read

Facts about source datasets are in ``cards/NAME.yaml``, the words in ``cards/dataset_card.md.jinja``.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import numpy as np

from chatdesc.metrics.alignment import Interval, paired_bootstrap
from chatdesc.rows.schema import Row
from chatdesc.version import __version__

GROUNDING = {"manual_iou": "manual text", "round0_iou": "first answer (round 0)", "iou": "chosen text"}
TRACKING = {
    "auc": "success AUC",
    "precision": "precision @ 20 px",
    "norm_precision": "normalised precision",
    "random_iou": "verification: IoU of a random proposal (floor)",
    "chosen_iou": "verification: IoU of the chosen proposal",
    "oracle_iou": "verification: IoU of the best proposal (ceiling)",
}


class Tally:
    """What a card says about rows, gathered one by one, without keeping them."""

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        self.statuses: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.scopes: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        self.audited = 0
        self.provenance: dict[str, Row] = {}
        self.values: defaultdict[str, list[float]] = defaultdict(list)
        self.encoders: defaultdict[str, list[Row]] = defaultdict(list)
        self.names: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, row: Row) -> None:
        self.statuses[row["status"] or "unknown"] += 1
        if row.get("text") is not None:
            self.sources[row["text_source"] or "unknown"] += 1
            self.scopes[row["scope"] or "unknown"] += 1
        if made_by := row.get("provenance"):
            self.provenance.setdefault(json.dumps(made_by, sort_keys=True), made_by)
        kinds = {found["kind"] or "unknown" for found in row.get("audit") or []}
        self.findings.update(kinds)
        self.audited += bool(kinds)
        self._add_numbers("grounding", row, GROUNDING, "grounder")
        self._add_numbers("tracking", row, TRACKING, "protocol")
        for entry in row.get("alignment") or []:
            self.encoders[entry["encoder"]].append({k: v for k, v in entry.items() if k != "encoder"})

    def _add_numbers(self, column: str, row: Row, keys: Iterable[str], name: str) -> None:
        entry = row.get(column)
        if entry:
            self.names[column].add(entry.get(name) or "unknown")
            for key in keys:
                self.values[f"{column}.{key}"].append(_number(entry.get(key)))

    def means(self, column: str, labels: dict[str, str]) -> list[tuple[str, str, int]]:
        """(label, mean, sequences) for each number that some row has."""
        found = []
        for key, label in labels.items():
            known = [v for v in self.values[f"{column}.{key}"] if not np.isnan(v)]
            if known:
                found.append((label, f"{np.mean(known):.3f}", len(known)))
        return found

    def alignments(self) -> list[Row]:
        """Per encoder: means of manual and chosen text and of their margins, each with its paired difference."""
        return [_alignment(name, entries) for name, entries in sorted(self.encoders.items())]


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _mean(entries: list[Row], key: str) -> str:
    known = [v for v in (_number(e.get(key)) for e in entries) if not np.isnan(v)]
    return f"{np.mean(known):.2f}" if known else "-"


def _alignment(encoder: str, entries: list[Row]) -> Row:
    def gain(before: str, after: str) -> str:
        return _interval(paired_bootstrap(*([_number(e.get(key)) for e in entries] for key in (before, after))))

    cut = sum(bool(e.get("truncated")) for e in entries)
    keys = ("manual", "refined", "manual_margin", "refined_margin")
    means = {key: _mean(entries, key) for key in keys}
    gains = {"gain": gain("manual", "refined"), "margin_gain": gain("manual_margin", "refined_margin")}
    return {"encoder": encoder, "sequences": len(entries), "truncated": cut, **means, **gains}


def _interval(found: Interval) -> str:
    return f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]" if found.count else "-"


def facts(dataset: str) -> Row:
    """What is known of a source dataset: ``cards/NAME.yaml``, or its name alone."""
    import yaml

    file = files("chatdesc.cards") / f"{dataset}.yaml"
    known = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return (
        dict.fromkeys(("homepage", "about", "paper", "licence", "text_licence", "bibtex"))
        | {"pretty_name": dataset}
        | known
    )


def render(tally: Tally, info: Any, text_licence: str | None = None) -> str:
    """The whole README.md.

    Args:
        info: the ``datasets.DatasetInfo`` of what was written.
        text_licence: what whoever publishes the texts puts them under; None where nobody has said.
    """
    from huggingface_hub import DatasetCard
    from jinja2 import Environment, StrictUndefined

    from chatdesc.rows.schema import COLUMNS
    from chatdesc.share.export import LAYOUTS
    from chatdesc.share.licences import writers

    words = (files("chatdesc.cards") / "dataset_card.md.jinja").read_text(encoding="utf-8")
    template = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined).from_string(words)
    images = {"images": "the frames' files, in order"} if "images" in info.features else {}
    text = template.render(
        metadata=_metadata(tally.dataset, info).to_yaml(),
        source=(source := facts(tally.dataset)),
        writers=writers(tally.provenance.values()),
        text_licence=text_licence or source["text_licence"],
        tally=tally,
        layout=tally.dataset if tally.dataset in LAYOUTS else "lasot",
        splits={name: split.num_examples for name, split in info.splits.items()},
        columns=COLUMNS | images,
        grounding=tally.means("grounding", GROUNDING),
        tracking=tally.means("tracking", TRACKING),
        alignments=tally.alignments(),
        runs=[_unpacked(run) for run in tally.provenance.values()],
        version=__version__,
    )
    return str(DatasetCard(text)).rstrip() + "\n"


def _metadata(dataset: str, info: Any) -> Any:
    """The card's YAML: one configuration, called as the source dataset is."""
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    known = facts(dataset)
    data = DatasetCardData(
        language=["en"],
        license="other",
        license_name="see-source-dataset",
        pretty_name=f"{known['pretty_name']}, re-annotated by chatdesc",
        tags=["visual-object-tracking", "vision-language-tracking", "chatdesc"],
    )
    paths = [{"split": name, "path": f"data/{name}-*.parquet"} for name in info.splits]
    data["configs"] = [{"config_name": dataset, "data_files": paths}]
    DatasetInfosDict({dataset: info}).to_dataset_card_data(data)
    return data


def _unpacked(provenance: Row) -> str:
    """A run's provenance as indented JSON, with the JSON inside its texts unpacked."""

    def unpack(value: Any) -> Any:
        if isinstance(value, list):
            return [unpack(v) for v in value]
        if isinstance(value, str) and value.startswith(("{", "[")):
            try:
                return unpack(json.loads(value))
            except ValueError:
                return value
        return value

    return json.dumps({k: unpack(v) for k, v in provenance.items()}, indent=2, sort_keys=True, ensure_ascii=False)
