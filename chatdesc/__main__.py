"""``python -m chatdesc``: the same as the command ``chatdesc``."""

from chatdesc.cli.main import main

main()
