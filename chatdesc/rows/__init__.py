"""A row: its columns, the folder in which rows are kept, and where else they are read from."""
