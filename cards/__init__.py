"""The dataset card template and facts about each source dataset."""
