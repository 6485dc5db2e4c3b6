"""Faults and hostile input, tried many times: each module is a row of the table in docs/reliability.md.

A module has ``FIGURES`` (what its row counts), ``NUMBER`` (tries of a whole run) and ``run(seed, tries)``, which gives
an Outcome; its docstring says what counts as wrong. ``make fuzz`` runs them all and prints the table, the tests beside
run a few tries of each.
"""

ROWS = (
    "full_disk",
    "renames",
    "damaged_runs",
    "model_servers",
    "caches",
    "hub_faults",
    "hostile_rows",
    "cards",
    "zips",
    "annotation_folders",
    "result_files",
    "terminal",
    "hostile_models",
    "kills",
    "otb",
)
