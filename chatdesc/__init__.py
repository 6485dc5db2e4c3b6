"""chatdesc: re-annotate vision-language tracking datasets, with evidence for every text.

    import chatdesc

    run = chatdesc.annotate("lasot", "/data/LaSOT", out="runs/lasot", split="test")
    print(run.table())

Every command of the command line is a function of the same name; ``chatdesc.api`` describes them. They are loaded when
they are first used, so that ``import chatdesc`` is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatdesc.version import __version__

if TYPE_CHECKING:
    from chatdesc.api import (
        RayEngine,
        ablate_verification,
        agreement,
        annotate,
        apply,
        audit,
        calibrate,
        compare,
        demo,
        doctor,
        evaluate,
        export,
        fix,
        list_backends,
        list_checks,
        load,
        load_refined,
        merge,
        plan,
        push,
        report,
        reproduce,
        review,
        review_export,
        review_import,
        score,
        serve_command,
        sheet,
        show,
        submit,
        train_verifier,
        write_back,
    )

__all__ = [
    "RayEngine", "__version__", "ablate_verification", "agreement", "annotate", "apply", "audit", "calibrate",
    "compare", "demo", "doctor", "evaluate", "export", "fix", "list_backends", "list_checks", "load", "load_refined",
    "merge", "plan", "push", "report", "reproduce", "review", "review_export", "review_import", "score",
    "serve_command", "sheet", "show", "submit", "train_verifier", "write_back",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from chatdesc import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
