"""The models that a command works with: one per role, and the lanes through which the scheduler asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from chatdesc.backends import create
from chatdesc.config import Resources, Settings
from chatdesc.engine.cache import CachedDescriber, RequestCache
from chatdesc.engine.schedule import Lane
from chatdesc.measures.case import ANSWERS
from chatdesc.measures.registry import needs
from chatdesc.protocols import Answerer, Backend, Describer, Encoder, Grounder, Tracker, Verifier
from chatdesc.stages.describe import is_readable
from chatdesc.types import Ask, BackendError, ChatdescError, Describe, Embed, Follow, FrameRef, Ground, Verify


@dataclass(slots=True)
class Models:
    """One backend per role, None where a command needs none; encoders and verifiers by their name in requests."""

    describer: Describer | None = None
    grounder: Grounder | None = None
    tracker: Tracker | None = None
    encoders: dict[str, Encoder] = field(default_factory=dict)
    verifiers: dict[str, Verifier] = field(default_factory=dict)

    @classmethod
    def create(cls, settings: Settings, resources: Resources, cache: Path | None = None) -> Models:
        """Make the backends that ``settings`` name.

        Args:
            cache: where a describer's answers are kept; None keeps none.

        Raises:
            ChatdescError: no backend has such a name, or its model cannot be loaded.
        """
        device, describer = resources.device, create_describer(settings, resources, cache)
        trusted = {"trust_remote_code": True} if settings.trust_remote_code else {}
        return cls(
            describer,
            create("grounder", settings.grounder, device=device),
            None if settings.tracker == "none" else create("tracker", settings.tracker, device=device),
            {spec: create("encoder", spec, device=device, **trusted) for spec in settings.encoders},
            {settings.verifier: create("verifier", settings.verifier, device=device)},
        )

    def threshold(self, settings: Settings) -> float:
        """The score under which a proposal does not count: the setting, or else the grounder's own."""
        assert self.grounder is not None
        return self.grounder.threshold if settings.box_threshold is None else settings.box_threshold

    def lanes(self) -> list[Lane]:
        """A lane per backend; two for a describer that answers questions, too."""
        pairs: list[tuple[Any, Any, Callable[[list[Any]], list[Any]]]] = []
        if self.describer is not None:
            pairs.append((Describe, self.describer, self.describer.describe))
            if isinstance(self.describer, Answerer):
                pairs.append((Ask, self.describer, self.describer.ask))
        if self.grounder is not None:
            pairs.append((Ground, self.grounder, self.grounder.ground))
        pairs += (((Embed, name), encoder, encoder.embed) for name, encoder in self.encoders.items())
        pairs += (((Verify, name), verifier, verifier.choose) for name, verifier in self.verifiers.items())
        if self.tracker is not None:
            pairs.append((Follow, self.tracker, self.tracker.follow))
        return [
            Lane(
                kind, call, backend.max_batch, backend.workers, waits=gains(backend), backend=backend, expect=expect,
                most_sequences=getattr(backend, "most_sequences", None),
            )
            for kind, backend, call in pairs
        ]  # fmt: skip

    def close(self) -> None:
        """Close the connections and files that the describer holds."""
        for held in (getattr(self.describer, "inner", self.describer), getattr(self.describer, "cache", None)):
            if close := getattr(held, "close", None):
                close()


def expect(request: Describe | Ask | Ground | Embed | Follow | Verify) -> None:
    """Have the frames decoded that a request is about; of a Follow the first one."""
    match request:
        case Describe() | Ground():
            frames = [request.frame]
        case Embed():
            frames = [crop.frame for crop in request.crops]
        case Follow():
            frames = [FrameRef(request.frames, request.start)]
        case _:
            return
    for frame in frames:
        frame.frames.expect([frame.index])


def gains(backend: Backend) -> bool:
    """Whether a batch is faster than its requests one by one, so that calls wait for full batches."""
    try:
        return bool(getattr(backend, "batches_gain", True))
    except BackendError:  # there is no such device, as its requests will be told
        return True


def refuse_silent(describer: Describer | None, settings: Settings, measures: Iterable[str]) -> None:
    """Refuse measures that ask a describer which cannot answer questions.

    Raises:
        ChatdescError: so it is; the message names a describer that can.
    """
    asking = [name for name in measures if ANSWERS in needs([name])]
    if asking and not isinstance(getattr(describer, "inner", describer), Answerer):
        raise ChatdescError(
            f"measures {','.join(asking)}: the describer {settings.describer} cannot answer questions; name one that "
            "can, as in openai:MODEL or transformers:MODEL, or leave them out"
        )


def create_describer(settings: Settings, resources: Resources, cache: Path | None) -> Describer:
    """The describer that ``settings`` name; ``cache`` as of ``Models.create``, which says what is raised."""
    server = {"base_url": resources.base_url, "concurrency": resources.concurrency}
    options = {"device": resources.device, **server, **settings.describer_options()}
    options |= {} if resources.batch_size is None else {"max_batch": resources.batch_size}
    describer: Describer = create("describer", settings.describer, **options)
    if cache is None or not getattr(describer, "cacheable", True):
        return describer
    return CachedDescriber(describer, RequestCache(cache), partial(is_readable, max_words=settings.max_words))
