"""Metrics: numpy in, numpy out."""
