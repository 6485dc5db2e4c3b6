"""Tracks of an ablation: the refined text under every verifier, and the tracker alone.

They lie in ``RUN/compare/verification-GROUNDER-HASH/``: tracks as result files, and beside them the evidence of each
arm's key frames. An arm has the hash of its verifier's weights in its name. So an arm is added to those that were
tracked before, and other weights under the same name are another arm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from chatdesc.backends import create
from chatdesc.config import Settings, public_spec
from chatdesc.evaluation.arm_models import described, models_of, named, recorded_settings, refuse_no_tracker
from chatdesc.evaluation.arm_rows import ArmRecord, ArmWords, stands
from chatdesc.evaluation.arm_texts import NO_TEXT, REFINED, Arm
from chatdesc.evaluation.arms import ArmTrack, Comparison
from chatdesc.evaluation.phrases import phrases
from chatdesc.loaders.base import Dataset
from chatdesc.names import escaped
from chatdesc.protocols import Verifier
from chatdesc.rows.evidence import evidence_of, keep, lacking
from chatdesc.rows.schema import Row
from chatdesc.rows.store import read_config
from chatdesc.stages.track import ORACLE
from chatdesc.types import ChatdescError
from chatdesc.verification.recorded import Seen

RANDOM, TRAINING_FREE, LEARNED = "random", "similarity", "learned"


@dataclass(slots=True)
class Ablation(Comparison):
    """A run's refined texts tracked under several verifiers.

    Attributes:
        verifiers: the verifier of each arm by the arm's name; the tracker alone has none.
    """

    about: ClassVar[str] = "verification-"
    verifiers: dict[str, Verifier] = field(default_factory=dict)

    @classmethod
    def between(
        cls,
        run: Path,
        data: Dataset | None = None,
        verifiers: Iterable[str] = (),
        judge: str | None = None,
        tracker: str | None = None,
        encoder: str | None = None,
        device: str = "auto",
    ) -> Ablation:
        """The tracker alone, random, similarity, ``verifiers`` (none named: learned), the run's own, and the oracle.

        Raises:
            ChatdescError: the folder is no run, it had no tracker and none is named, or a model cannot be loaded.
        """
        config = read_config(run)
        recorded = recorded_settings(run, config["settings"])
        settings = replace(named(recorded, judge, tracker, encoder), verifier=TRAINING_FREE)
        refuse_no_tracker(run, settings)
        specs = _specs(list(verifiers) or [LEARNED], recorded)
        made = {spec: create("verifier", spec, device=device) for spec in specs}
        arms = {_arm_name(spec, verifier): spec for spec, verifier in made.items()}
        models = None if data is None else models_of(settings, (), device)
        selecting = public_spec(settings.grounder) == recorded.grounder
        if models is not None:
            models.verifiers = made
            now = described(models)
            selecting = selecting or now["grounder"] == config["backends"]["grounder"]
        every = (Arm(NO_TEXT), *(Arm(name, REFINED, spec) for name, spec in arms.items()))
        by_arm = {name: made[spec] for name, spec in arms.items()}
        return cls(run, data, settings, models, selecting, False, every, verifiers=by_arm)

    def facts(self) -> dict[str, str]:
        """What the models but the verifiers say of themselves: those are in the arms' names."""
        return described(self.models) if self.models else {}

    def is_kept(self, arm: Arm, name: str) -> bool:
        """Whether an arm has its track, and its evidence, which somebody may have removed because it was damaged."""
        return Comparison.is_kept(self, arm, name) and not lacking(self._beside(arm.name), [name])

    def may_stay(self, record: ArmRecord, row: Row) -> bool:
        """Only with the present text: all arms but the tracker alone have the refined one."""
        return any(stands(record, ArmWords(phrases(row, words))) for words in ("", REFINED))

    def keep(self, name: str, arm: str, made: ArmTrack | None) -> None:
        """Write an arm's evidence and track, or remove them."""
        keep(self._beside(arm), name, made.track.seen() if made and made.track else None)
        Comparison.keep(self, name, arm, made)

    def _to_judge(self, row: Row) -> dict[str, str]:
        return {}

    def key_frames(self, names: Iterable[str]) -> Iterator[tuple[str, Seen]]:
        """The key frames of sequences under all verifiers."""
        for name in names:
            for arm in self.verifiers:
                for _, seen in evidence_of(self._beside(arm), [name]):
                    yield from ((name, one) for one in seen)

    def _beside(self, arm: str) -> Path:
        """Where an arm's evidence is kept."""
        return self.place / "arms" / escaped(arm, "")


def _specs(verifiers: list[str], recorded: Settings) -> list[str]:
    """The verifiers of an ablation, each once: the named ones go before the run's own of the same name."""
    public = [public_spec(spec) for spec in verifiers]
    for name in {ORACLE, RANDOM} & set(public):
        raise ChatdescError(f"--verifier {name}: takes part in any case; name others")
    own = [] if recorded.verifier in (ORACLE, RANDOM, *public) else [recorded.verifier]
    return list(dict.fromkeys([RANDOM, TRAINING_FREE, *verifiers, *own, ORACLE]))


def _arm_name(spec: str, verifier: Verifier) -> str:
    """The verifier's public name; where it says more of itself, as of its weights, also the beginning of a hash."""
    facts = verifier.describe_self()
    if len(facts) == 1:
        return public_spec(spec)
    return f"{public_spec(spec)} {sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:6]}"
