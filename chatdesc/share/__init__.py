"""Rows on their way to others: datasets, cards, the Hub, the layouts of trackers."""
