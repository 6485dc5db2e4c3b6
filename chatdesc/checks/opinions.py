"""What a describer says of the texts that the checks doubt.

Each question is a job of its own, so that one that fails costs no other. The answers are kept like descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.questions import Question, answered, question_about
from chatdesc.checks.sights import why
from chatdesc.config import Resources, Settings
from chatdesc.engine.models import Models, create_describer
from chatdesc.engine.run import cache_of
from chatdesc.engine.schedule import Scheduler
from chatdesc.loaders.base import Dataset
from chatdesc.names import counted, natural, some
from chatdesc.protocols import Answerer, Describer
from chatdesc.rows.store import is_run
from chatdesc.stages.look import within
from chatdesc.stages.reflect import spread
from chatdesc.tables import Progress
from chatdesc.types import Ask, ChatdescError, FrameRef, Reply, Steps

Found = Mapping[str, tuple[Finding, ...]]
Key = tuple[str, Question]


@dataclass(frozen=True, slots=True)
class Opinions:
    """What was said.

    Attributes:
        found: the findings of each sequence, with the answers and the severities that follow from them.
        notes: counts, and why questions have no answer.
        unanswered: how many have none.
    """

    found: Found = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unanswered: int = 0


def describer_for(settings: Settings, resources: Resources, source: str, out: Path | None) -> Describer:
    """The describer, ready to be asked. Its answers are kept in the run, else in ``out``, else nowhere.

    Raises:
        ChatdescError: there is no such describer, it cannot be had, or it answers no questions.
    """
    if settings.region == "crop":
        raise ChatdescError(
            "--region crop: it hides the rest of the picture, which is asked about; say box or box+crop"
        )
    place = Path(source) if is_run(source) else out
    kept = Path(resources.cache) if resources.cache else None if place is None else cache_of(place, resources)
    describer = create_describer(settings, resources, kept)
    if not isinstance(getattr(describer, "inner", describer), Answerer):
        raise ChatdescError(
            f"--with-describer {settings.describer}: it cannot answer questions; name a model that can, as in "
            "openai:MODEL or transformers:MODEL"
        )
    describer.describe_self()
    return describer


def ask_about(
    found: Found,
    subjects: Iterable[Subject],
    data: Dataset | None,
    describer: Describer,
    settings: Settings,
    resources: Resources,
    progress: Progress | None = None,
) -> Opinions:
    """Ask one closed question per doubtful text and topic, and weigh the findings by the answers.

    Args:
        data: the dataset with the frames; nothing is asked about the targets of sequences that it lacks.
        settings: ``region``.
        progress: called with questions done, all questions, and a note.
    """
    about = {subject.key: subject for subject in subjects}
    raised = list(_raised(found))
    dark = (key for key, question in raised if question.shows and not _has_frames(data, about[key].sequence))
    unseen = sorted(set(dark), key=natural)
    asked = [(name, question) for name, question in raised if not (question.shows and name in unseen)]
    jobs = ((key, _job(about[key[0]], key[1], data, settings.region)) for key in asked)
    replies: dict[Key, Reply] = {}
    failed: dict[Key, str] = {}
    models = Models(describer=describer)
    try:
        for done, (key, result) in enumerate(Scheduler(models.lanes(), resources.sequences_in_flight).run(jobs), 1):
            if isinstance(result, Reply):
                replies[key] = result
            else:
                failed[key] = why(result)
            if progress is not None:
                progress(done, len(asked), "questions")
    finally:
        models.close()
    weighed = {name: tuple(_weighed(name, f, replies, describer.name) for f in of) for name, of in found.items()}
    return Opinions(weighed, tuple(_notes(describer, len(asked), unseen, failed)), len(failed))


def _raised(found: Found) -> Iterator[Key]:
    """The questions that findings raise, each once."""
    for name, findings in found.items():
        yield from ((name, question) for question in dict.fromkeys(map(question_about, findings)) if question)


def _has_frames(data: Dataset | None, name: str) -> bool:
    return data is not None and name in data and data[name].usable


def _job(subject: Subject, question: Question, data: Dataset | None, region: str) -> Steps[Reply]:
    words, frame, box = question.words(subject.text, region), None, None
    if question.shows and data is not None:
        sequence = within(data[subject.sequence], subject.ranges)
        index = spread(sequence, 1)[0] if question.frame is None else question.frame
        frame, box = FrameRef(sequence.frames, index), sequence.boxes[index]
    reply: Reply = yield Ask(words, frame, box)
    return reply


def _weighed(name: str, finding: Finding, replies: Mapping[Key, Reply], describer: str) -> Finding:
    question = question_about(finding)
    if question is None or (name, question) not in replies:
        return finding
    return answered(finding, question, replies[name, question], describer)


def _notes(describer: Describer, asked: int, unseen: list[str], failed: Mapping[Key, str]) -> Iterator[str]:
    counts = describer.summary() if hasattr(describer, "summary") else {}
    used = [f"{name.replace('_', ' ')} {value}" for name, value in counts.items() if value and isinstance(value, int)]
    yield f"{describer.name}: {counted(asked, 'question')} asked" + (f" ({', '.join(used)})" if used else "")
    if unseen:
        texts = counted(len(unseen), "text")
        yield f"nothing is asked about the targets of {texts} ({some(unseen, 3)}): say where the frames are (ROOT)"
    if failed:
        names = some([name for name, _ in failed], 3)
        yield f"{counted(len(failed), 'question')} without an answer ({names}): {next(iter(failed.values()))}"
