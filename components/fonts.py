"""The Chinese font that ships: slices of Noto Sans CJK SC for browsers without one and for briefings.

`python -m components.fonts FOLDER` cuts the slices anew from `NotoSansCJK-Regular.ttc` and `-Bold.ttc` in FOLDER
(Debian's package fonts-noto-cjk) and writes `assets/fonts.css`; it needs fonttools (tests/requirements.txt).
A slice is an OpenType file: browsers and typst read the very same one, nothing is unpacked at run time.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "assets" / "fonts"
CSS = ROOT / "assets" / "fonts.css"
FAMILY = "City Brain Sans"
WEIGHTS = {"Regular": 400, "Bold": 700}
# what a system may have: with any of these nothing is fetched from the server
LOCAL = {
    "Regular": ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC",
                "Microsoft YaHei", "WenQuanYi Micro Hei", "HarmonyOS Sans SC", "MiSans"),
    "Bold": ("Noto Sans CJK SC Bold", "Noto Sans SC Bold", "Source Han Sans SC Bold", "Source Han Sans CN Bold",
             "PingFang SC Semibold", "Microsoft YaHei Bold", "WenQuanYi Micro Hei", "HarmonyOS Sans SC Bold", "MiSans Bold"),
}  # fmt: skip
# beside Latin-1 and Latin Extended-A: punctuation, arrows, comparison signs and the marks the screen draws
HEAD = "/* Written by `python -m components.fonts`; do not edit here. Licence: fonts/OFL.txt */\n"
SIGNS = "₀₁₂₃₄₅₆₇₈₉←↑→↓↔≈≠≤≥−∞√■□▲△▶▼▽◀◆◇○●★☆✓✕℃№€"


def slices() -> list[set[int]]:
    """Code points of each slice, no one in two: the screen's own texts, packs and sources, GB 2312 level 1, level 2."""
    texts = _read(ROOT / "components" / "text", "*.toml") + _read(ROOT / "data_pipeline" / "metrics", "*.toml")
    packs = _read(ROOT / "data_pipeline", "**/*.csv", "**/*.toml", "**/*.geojson", "**/*.py")
    latin = {*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x2010, 0x2040), *(ord(c) for c in SIGNS)}
    wanted = [latin | _gb2312(0xA1, 0xA4) | _wide(texts), _wide(packs), _gb2312(0xB0, 0xD8), _gb2312(0xD8, 0xF8)]
    found: list[set[int]] = []
    for part in wanted:
        found.append(part.difference(*found))
    return found


def rule(weight: str, number: int) -> str:
    """One `@font-face` rule: a font of the system first, else the slice of the server.

    The slices' ranges overlap on purpose: the rule written last is asked first, and a browser goes on to the one
    before it only for characters that slice does not hold. Exact ranges would cost every page 35 kB of style sheet.
    """
    names = ", ".join(f'local("{name}")' for name in LOCAL[weight])
    return (
        f'@font-face {{ font-family: "{FAMILY}"; font-weight: {WEIGHTS[weight]}; font-display: swap;\n'
        f'  src: {names}, url("fonts/{file_name(weight, number)}") format("opentype");\n'
        f"  unicode-range: {ranges(number)}; }}\n"
    )


def file_name(weight: str, number: int) -> str:
    """Name of a slice's file, for example `sans-regular-1.otf`."""
    return f"sans-{weight.lower()}-{number}.otf"


def ranges(number: int) -> str:
    """The `unicode-range` of a slice: Han characters; the first one has Latin letters, signs and marks as well."""
    return "U+20-17F,U+2000-27BF,U+3000-33FF,U+4E00-9FFF,U+FF00-FFEF" if number == 1 else "U+3400-9FFF"


def cut(source: Path) -> None:
    """Write every slice and the style sheet from the two collections in `source`."""
    from fontTools import subset
    from fontTools.ttLib import TTCollection

    parts = slices()
    for weight in WEIGHTS:
        for number, points in enumerate(parts, 1):
            collection = TTCollection(str(source / f"NotoSansCJK-{weight}.ttc"), lazy=True)
            font = next(f for f in collection.fonts if f["name"].getDebugName(1).startswith("Noto Sans CJK SC"))
            options = subset.Options(layout_features=["kern", "halt"], hinting=False, notdef_outline=True, name_IDs=[0, 1, 2, 4, 6, 13, 14])
            cutter = subset.Subsetter(options)
            cutter.populate(unicodes=sorted(points))
            cutter.subset(font)
            # typst looks fonts up by family: each slice has a name of its own
            own = f"{FAMILY} {number}"
            for name_id, text in {1: own, 2: weight, 4: f"{own} {weight}", 6: f"{own}-{weight}".replace(" ", "")}.items():
                font["name"].setName(text, name_id, 3, 1, 0x409)
            font["name"].names = [n for n in font["name"].names if n.nameID not in (16, 17, 21, 22, 25) and n.langID in (0, 0x409)]
            if "CFF " in font:
                cff = font["CFF "].cff
                cff.fontNames[0] = f"{own}-{weight}".replace(" ", "")
            font.save(FOLDER / file_name(weight, number))
    rules = [rule(weight, number) for weight in WEIGHTS for number in range(len(parts), 0, -1)]
    CSS.write_text("".join([HEAD, *rules]), encoding="utf-8")


def _read(folder: Path, *patterns: str) -> str:
    return "".join(path.read_text(encoding="utf-8") for pattern in patterns for path in sorted(folder.glob(pattern)))


def _wide(text: str) -> set[int]:
    return {ord(c) for c in text if 0x2E80 <= ord(c) < 0x30000}


def _gb2312(first: int, last: int) -> set[int]:
    """Characters of the GB/T 2312 rows whose lead byte is in [first, last)."""
    found = set()
    for lead in range(first, last):
        for trail in range(0xA1, 0xFF):
            found |= {ord(c) for c in bytes([lead, trail]).decode("gb2312", errors="ignore")}
    return found


if __name__ == "__main__":
    cut(Path(sys.argv[1]))
