"""Texts for a whole dataset."""
