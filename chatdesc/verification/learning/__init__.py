"""Verifiers that learn: their networks, the data they learn from, their training. All of it needs torch."""
