"""How many sequences are worked on at a time: scheduling, answers kept, processes, plans."""
