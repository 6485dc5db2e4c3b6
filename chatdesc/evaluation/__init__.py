"""Numbers: trackers' results under protocols, alignment, what texts are like, what they are worth."""
