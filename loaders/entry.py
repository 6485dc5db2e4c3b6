"""Where a sequence is: its folder, its files, its split.

>>> split_of("TNL2K_train_subset"), split_of("train_and_test")
('train', None)
>>> Files(boxes="a/groundtruth.txt", absent=("a/absent.txt",)).annotations()
['a/groundtruth.txt', 'a/absent.txt']
"""

from __future__ import annotations

from dataclasses import dataclass

IMAGES = (".jpg", ".jpeg", ".png", ".bmp")


@dataclass(frozen=True, slots=True)
class Entry:
    """A sequence's name and place.

    Attributes:
        folder: its folder, or the file of its boxes where it has no folder; relative to the root.
        text: its text file, relative to the root of the texts.
        target: the number of the target in a video of several; 0 in others.
    """

    name: str
    folder: str
    text: str
    split: str | None = None
    category: str | None = None
    target: int = 0


@dataclass(frozen=True, slots=True)
class Files:
    """A sequence's files, relative to the root; None where one does not exist.

    Attributes:
        frames: the folder of the images.
        absent: files with one number per frame, 1 where the target is absent.
        attributes: a file with one number per attribute.
        wanted: the name that the file of boxes should have, or its path from the root, for messages.
        wanted_frames: the path that the folder of images should have, where it is not ``img``.
    """

    boxes: str | None
    frames: str | None = None
    absent: tuple[str, ...] = ()
    attributes: str | None = None
    wanted: str = "groundtruth.txt"
    wanted_frames: str = ""

    def annotations(self) -> list[str]:
        """All files but the frames and the text."""
        return [path for path in (self.boxes, *self.absent, self.attributes) if path]


def is_image(name: str) -> bool:
    """Whether a file counts as a frame, by its name."""
    return name.lower().endswith(IMAGES) and not name.startswith(".")


def split_of(name: str) -> str | None:
    """The split in the name of a file or folder; None without one, or with both."""
    splits = [split for split in ("train", "test") if split in name.lower()]
    return splits[0] if len(splits) == 1 else None
