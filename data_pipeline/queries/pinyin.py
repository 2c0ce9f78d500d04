"""Names read aloud: lines of Chinese characters in, their syllables out, separated by blanks.

Run as a program of its own (`queries/search.py`): the phrases it looks into take 57 MB, which the web need not hold.
It imports nothing of ours.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Read lines of characters (UTF-8), write a line of syllables without tones for each."""
    from pypinyin import lazy_pinyin

    lines = sys.stdin.buffer.read().decode().split("\n")
    sys.stdout.buffer.write("\n".join(" ".join(lazy_pinyin(line)) for line in lines).encode())


if __name__ == "__main__":
    main()
