"""Checks of an audit: each looks at the texts of a dataset and reports what it finds."""
