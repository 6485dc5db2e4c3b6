"""Rows as a page for a browser: what goes into it (records, lines over time, pictures), and how it becomes one file.

The front end is in ``web/``, which has a README of its own.
"""
