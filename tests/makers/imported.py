"""What ``forked`` has imported before it forks: all that a command with the offline backends imports."""

import cv2  # noqa: F401
import datasets  # noqa: F401
import jinja2  # noqa: F401
import pyarrow.parquet  # noqa: F401

import chatdesc.api
import chatdesc.backends.attributes
import chatdesc.backends.opencv_trackers
import chatdesc.cli.main  # noqa: F401
