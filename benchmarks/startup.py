"""Claim: `import chatdesc` and `chatdesc --help` do not pay for torch.

Starts fresh interpreters, interleaved, and prints the ratio to one that imports torch.

    python benchmarks/startup.py
"""

from __future__ import annotations

import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import chatdesc": ["-c", "import chatdesc"],
    "chatdesc --help": ["-m", "chatdesc.cli.main", "--help"],
    "import torch": ["-c", "import torch"],
}


def seconds(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    best = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(3):
        for name, arguments in COMMANDS.items():
            best[name] = min(best[name], seconds(arguments))
    for name, value in best.items():
        print(f"{name:18} {value:6.2f} s   {best['import torch'] / value:5.1f}x faster than import torch")
