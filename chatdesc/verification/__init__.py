"""Foreground verification: which of a key frame's proposals is the target. Functions and networks of Evidence."""
