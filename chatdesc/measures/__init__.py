"""Measures of a text: pure functions on what stages see, and generators that ask for what they need."""
