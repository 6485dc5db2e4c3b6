"""Pictures of cases, as files beside an export or within its records.

>>> from tempfile import mkdtemp
>>> import numpy as np
>>> image = np.zeros((20, 30, 3), np.uint8)
>>> case = Case(("lasot", "", "../kite 1"), "0f", "kite", None)
>>> kept = Pictures(Path(mkdtemp()) / "pictures", "out", "https://example.org")
>>> kept.of(case, image)
{'template': 'https://example.org/kite-1-70746d3f-template.webp'}
>>> Pictures(kept.folder, "out", None).of(case, image)["template"][:22]
'data:image/webp;base64'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from chatdesc.decisions.case import Case
from chatdesc.page.pictures import encoded, inlined, scaled
from chatdesc.types import Image

INLINE_WIDTH = 960  # pixels of a picture within a record
QUALITY = 85  # of WebP
LONGEST = 60  # characters of a sequence's name in a file's


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where the pictures of an export go.

    Attributes:
        folder: of the files.
        name: of the export.
        address: the beginning of their URLs; None puts pictures into the records.
        wanted: there are frames.
    """

    folder: Path
    name: str
    address: str | None
    wanted: bool = True

    def of(self, case: Case, template: Image, later_frames: Image | None = None) -> dict[str, str]:
        """The addresses of a case's pictures, by the names that tasks and records have for them."""
        shown = {"template": template, **({} if later_frames is None else {"later_frames": later_frames})}
        return {name: self._keep(case, name, image) for name, image in shown.items()}

    def _keep(self, case: Case, name: str, image: Image) -> str:
        if self.address is None:
            return inlined("", encoded(scaled(image, INLINE_WIDTH), QUALITY))
        file = f"{_stem(case)}-{name}.webp"
        self.folder.mkdir(exist_ok=True)
        (self.folder / file).write_bytes(encoded(image, QUALITY))
        return self.address + ("" if self.address.endswith(("/", "=")) else "/") + file


def _stem(case: Case) -> str:
    """A file's name that needs no quoting anywhere, and that no other case has."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", case.key[2]).strip("-")[:LONGEST]
    return f"{plain}-{sha256(case.id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
