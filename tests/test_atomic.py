import errno

import pytest

from chatdesc.atomic import make_folder
from chatdesc.types import ChatdescError


def test_a_folder_that_takes_no_file_is_refused_before_any_work(tmp_path, monkeypatch):
    """As a folder of somebody else's is; who may write anywhere (root) would not see it."""

    def refused(**where):
        raise PermissionError(errno.EACCES, "Permission denied", str(where["dir"]))

    monkeypatch.setattr("chatdesc.atomic.TemporaryFile", refused)
    with pytest.raises(ChatdescError, match=r"scores: cannot be written \(Permission denied\); choose another folder"):
        make_folder(tmp_path / "scores")
