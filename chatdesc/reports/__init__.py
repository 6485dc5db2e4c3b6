"""What came of it, for people: summaries, one row's story, comparisons."""
