"""Tracking datasets on disk, in an archive or on a server, read as they were published.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from chatdesc.synthetic import render
>>> root = mkdtemp()
>>> names = render(Path(root), count=2, frames=3)             # a small dataset in LaSOT's layout
>>> dataset = load("lasot", root, split="test")
>>> sequence = dataset[names[0]]
>>> sequence.boxes.shape, sequence.frames[0].shape, sequence.status
((3, 4), (240, 320, 3), 'ok')

``root`` may be a folder, a zip (``/data/x.zip``, ``zip:///data/x.zip``, ``zip://inner/folder::/data/x.zip``) or any
fsspec URL (``memory://``, ``hf://datasets/...``, ``s3://...``). One file here per dataset; a new one adds a line to
``NAMES``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from chatdesc.loaders.base import Dataset
from chatdesc.loaders.writeback import WriteBack
from chatdesc.names import near
from chatdesc.text import clean_for_trackers
from chatdesc.types import ChatdescError, FrameCache

__all__ = ["NAMES", "Dataset", "WriteBack", "clean_for_trackers", "load"]

NAMES: dict[str, str] = {
    "lasot": "chatdesc.loaders.lasot:Lasot",
    "lasot_ext": "chatdesc.loaders.lasot:LasotExt",
    "tnl2k": "chatdesc.loaders.tnl2k:Tnl2k",
    "otb-lang": "chatdesc.loaders.otb_lang:OtbLang",
    "trackingnet": "chatdesc.loaders.trackingnet:TrackingNet",
    "got10k": "chatdesc.loaders.got10k:Got10k",
    "folder": "chatdesc.loaders.folder:Folder",
    "synthetic": "chatdesc.loaders.lasot:Synthetic",
}


def load(
    name: str,
    root: str | os.PathLike[str],
    split: str | None = None,
    sequences: Sequence[str] | None = None,
    split_file: str | os.PathLike[str] | None = None,
    texts: str | os.PathLike[str] | None = None,
    cache: FrameCache | None = None,
    strict: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Open a dataset. Only the folders that hold the sequences' names are read now.

    Args:
        name: one of ``NAMES``.
        root: folder, zip or fsspec URL of the dataset.
        split: ``train`` or ``test``; None takes all sequences.
        sequences: only these names, in the dataset's order.
        split_file: a file of sequence names, one a line, used instead of the dataset's own lists.
        texts: another root that holds the text files in this dataset's layout: OTB99's ``OTB_query_*`` folders for
            OTB-100 frames, or a tree made by ``write_back``.
        cache: keeps decoded frames; None decodes anew each time.
        strict: the first problem of a sequence raises DataError instead of going into ``sequence.problems``.
        storage_options: for fsspec; for a local folder ``{"follow_links": True}`` trusts every link in it.

    Raises:
        ChatdescError: unknown name, split or sequence, missing root, or a root without this layout.
    """
    if name not in NAMES:
        raise ChatdescError(f"there is no dataset {name!r} among {', '.join(NAMES)}{near(name, NAMES)}")
    module, _, attribute = NAMES[name].partition(":")
    factory: type[Dataset] = getattr(importlib.import_module(module), attribute)
    return factory(
        root,
        split=split,
        sequences=sequences,
        split_file=split_file,
        texts=texts,
        cache=cache,
        strict=strict,
        storage_options=storage_options,
    )
