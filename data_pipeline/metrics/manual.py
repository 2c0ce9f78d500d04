"""The metric manual: one page a domain and language, written from the declarations and never by hand.

`python -m data_pipeline metrics manual` writes `docs/metrics/`; a test says when it is out of date.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from data_pipeline.contracts import contracts
from data_pipeline.domains import DomainGroup, domains
from data_pipeline.metrics import Example, Metric, metrics

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = ("zh", "en")
FOLDER = Path(__file__).parents[2] / "docs" / "metrics"
MOST_ROWS = 6
# symbols, the same in both languages; a pure number has none
UNITS: dict[str, str] = {
    "share": "0–1", "count": "1", "per_10k": "1/10⁴", "per_1k": "1/10³", "ratio": "1", "index": "1", "kwh": "kWh", "mwh": "MWh", "kw": "kW", "mw": "MW",
    "km": "km", "kmh": "km/h", "minutes": "min", "hours": "h", "days": "d", "ug_m3": "µg/m³", "mg_m3": "mg/m³", "degc": "°C", "mm": "mm",
    "m": "m", "m_s": "m/s", "persons": "1", "times_per_day": "1/d", "kbps": "kbit/s", "yuan": "CNY", "usd": "USD", "tonnes": "t",
    "points": "1", "tce_per_10k_yuan": "tce/10⁴ CNY", "m3": "m³", "tce": "tce", "gbps": "Gbit/s", "customer_hours": "h", "km2": "km²", "db": "dB", "yuan_kwh": "CNY/kWh",
}  # fmt: skip
WORDS: dict[str, tuple[str, str]] = {
    "title": ("指标手册", "Metric manual"),
    "generated": ("由 `python -m data_pipeline metrics manual` 从指标定义生成，请勿手改。", "Written by `python -m data_pipeline metrics manual` from the declarations; do not edit."),
    "n": ("{n} 个指标", "{n} metrics"),
    "not": ("不说明：", "What it does not say: "),
    "unit": ("单位", "unit"), "formula": ("公式", "formula"), "better": ("方向", "direction"), "kind": ("性质", "kind"),
    "standard": ("依据", "basis"), "assumption": ("说明", "assumption"), "dataset": ("数据集", "dataset"), "grain": ("周期", "periods"),
    "over_area": ("跨区域", "over areas"), "over_time": ("跨周期", "over time"), "gates": ("门槛", "gates"), "classes": ("分级", "classes"),
    "breaks": ("口径变化（前后不比）", "definition changed (no change across it)"),
    "higher": ("越高越好", "higher is better"), "lower": ("越低越好", "lower is better"), "neither": ("无好坏", "neither"),
    "measured": ("实测", "measured"), "modelled": ("模型推算", "modelled"), "reported": ("部门上报", "reported"),
    "own": ("自定口径（没有采用标准）", "own definition (no standard)"),
    "sum": ("相加", "sums"), "recompute": ("逐级重算", "computed anew"), "last": ("取期末", "as it stands at the end"), "mean": ("算术平均", "arithmetic mean"),
    "completeness": ("应报到报不足 {n}% 标为不完整", "marked incomplete below {n} % of the reports due"),
    "interval": ("附 95% 区间（威尔逊）", "with its 95 % interval (Wilson)"),
    "suppressed": ("样本少于 {n} 不显示", "not shown below {n} records"),
    "5min": ("5 分钟", "5 minutes"), "15min": ("15 分钟", "15 minutes"), "hour": ("小时", "hour"), "day": ("日", "day"), "week": ("周", "week"),
    "month": ("月", "month"), "quarter": ("季", "quarter"), "year": ("年", "year"), "grains": ("{first}至{last}", "{first} to {last}"),
    "whole": ("整期结束后才给出", "only when the period is over"),
    "example": ("算例", "Worked example"), "more": ("另有 {n} 行", "{n} more rows"),
    "gives": ("结果", "gives"), "numerator": ("分子", "numerator"), "denominator": ("分母", "denominator"), "value": ("值", "value"), "nothing": ("无数据", "no data"),
    "at": ("所读时段始于", "period read starts at"), "looks_back": ("回看", "looks back"), "look": ("时段前 {n} 小时", "{n} hours before the period"),
    "until": ("{day} 以前的时段：", "for periods before {day}:"),
    "population": ("人口", "population"), "of": ("来源", "source"),
}  # fmt: skip


def word(key: str, lang: Lang, **values: Any) -> str:
    """A word of the manual."""
    text = WORDS[key][LANGS.index(lang)]
    return text.format(**values) if values else text


def pages() -> dict[str, str]:
    """File name → text of every page, and of the index `README.md`."""
    known = list(metrics().values())
    found = {"README.md": _index(known)}
    for group in domains().values():
        for lang in LANGS:
            found[f"{group.id}.{lang}.md"] = _page(group, known, lang)
    return found


def problems(folder: Path = FOLDER) -> list[str]:
    """Pages of the manual that are absent, differ from the declarations, or belong to no group any more; empty when up to date."""
    wanted = pages()
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")} if folder.is_dir() else {}
    found = [f"{name}: is missing" for name in wanted if name not in present]
    found += [f"{name}: differs from the declarations" for name, text in wanted.items() if name in present and present[name] != text]
    return found + [f"{name}: belongs to no domain" for name in sorted(set(present) - set(wanted))]


def write(folder: Path = FOLDER) -> list[Path]:
    """Write every page, drop pages that belong to no group any more; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in wanted]


def _index(known: list[Metric]) -> str:
    lines = [f"# {' / '.join(WORDS['title'])}", "", *WORDS["generated"], "", "| | zh | en | |", "|---|---|---|---|"]
    for group in domains().values():
        n = len(group.metrics_of(known))
        lines.append(f"| {group.id} | [{group.zh}]({group.id}.zh.md) | [{group.en}]({group.id}.en.md) | {n} |")
    return "\n".join(lines) + "\n"


def _page(group: DomainGroup, known: list[Metric], lang: Lang) -> str:
    zh = lang == "zh"
    lines = [f"# {word('title', lang)} · {group.zh if zh else group.en}", "", group.asks_zh if zh else group.asks_en, "", word("generated", lang)]
    for section, own in group.sections(known):
        lines += ["", f"## {section.zh if zh else section.en}", "", word("n", lang, n=len(own))]
        for metric in own:
            lines += ["", entry(metric, lang)]
    return "\n".join(lines) + "\n"


def entry(metric: Metric, lang: Lang) -> str:
    """One metric as Markdown: what it says and does not say, facts, formula, worked examples."""
    zh = lang == "zh"
    name, says, silent = (metric.name_zh, metric.says_zh, metric.does_not_say_zh) if zh else (metric.name_en, metric.says_en, metric.does_not_say_en)
    lines = [f"### {name} `{metric.id}`", "", says, "", f"{word('not', lang)}{silent}", ""]
    lines += [f"- {label}{'：' if zh else ': '}{text}" for label, text in facts(metric, lang)]
    for example in metric.examples:
        lines += ["", *_example(example, lang)]
    return "\n".join(lines)


def facts(metric: Metric, lang: Lang) -> list[tuple[str, str]]:
    """What a reader must know of a metric, as (label, text): unit, formula, direction, kind, standard, periods, gates."""
    zh = lang == "zh"
    dataset = contracts()[metric.dataset]
    clause = metric.clause if zh else metric.clause_en or metric.clause
    found = [
        (word("unit", lang), UNITS[metric.unit]),
        (word("formula", lang), f"`{formula(metric)}`"),
        (word("better", lang), word(metric.better, lang)),
        (word("kind", lang), word(metric.kind, lang)),
        (word("standard", lang), f"{metric.standard} {clause}".strip() if metric.standard else word("own", lang)),
        (word("dataset", lang), f"{dataset.name_zh if zh else dataset.name_en} `{dataset.id}`" + (f" · `marts/{metric.mart}.sql`" if metric.mart else "")),
        (word("grain", lang), word("grains", lang, first=word(metric.base_grain, lang), last=word(metric.coarsest, lang))),
        (word("over_area", lang), word(metric.over_area, lang)),
        (word("over_time", lang), word(metric.over_time, lang)),
    ]
    if metric.looks_back:
        back, until = metric.looks_back, metric.looks_back.until
        ends = [word("until", lang, day=until)] if until else []
        found.append((word("looks_back", lang), (" " if not zh else "").join([*ends, word("look", lang, n=back.hours)])))
    assumption = metric.assumption_zh if zh else metric.assumption_en
    if assumption:
        found.append((word("assumption", lang), assumption))
    gates = [word("completeness", lang, n=f"{metric.min_completeness * 100:g}")]
    gates += [word("suppressed", lang, n=metric.suppress_below_n)] if metric.suppress_below_n else []
    gates += [word("interval", lang)] if metric.interval else []
    gates += [word("whole", lang)] if metric.whole_periods_only else []
    found.append((word("gates", lang), ("；" if zh else "; ").join(gates)))
    if metric.breaks:
        found.append((word("breaks", lang), ("；" if zh else "; ").join(f"{b.on} {b.zh if zh else b.en}" for b in metric.breaks)))
    if metric.decided_by:
        named = ("、" if zh else ", ").join(f"{d.zh if zh else d.en} `{d.metric}`" for d in metric.decided_by)
        found.append((metric.decider_zh if zh else metric.decider_en, named))
    if metric.thresholds:
        unchecked = "（自定口径，未核实）" if zh else " (own definition, not checked)"
        classes = (f"≥ {c.at_least:g} {c.zh if zh else c.en}{'' if c.verified else unchecked}" for c in metric.thresholds)
        found.append((word("classes", lang), ("、" if zh else ", ").join(classes)))
    return found


def formula(metric: Metric) -> str:
    """The formula on one line, as the declaration spells it."""
    return " ".join(metric.formula.split())


def _example(example: Example, lang: Lang) -> list[str]:
    colon = "：" if lang == "zh" else ": "
    lines = [f"{word('example', lang)}{colon}{example.shows(lang)}", "", "```toml"]
    for row in example.rows[:MOST_ROWS]:
        lines.append("{ " + ", ".join(f"{key} = {_cell(value)}" for key, value in row.items()) + " }")
    if len(example.rows) > MOST_ROWS:
        lines.append(f"# {word('more', lang, n=len(example.rows) - MOST_ROWS)}")
    if example.at is not None:
        lines.append(f"# {word('at', lang)} {example.at.isoformat()}")
    if example.population is not None:
        lines.append(f"# {word('population', lang)} {example.population:,}")
    lines.append("```")
    parts = [(word(key, lang), getattr(example, key)) for key in ("numerator", "denominator")]
    shown = [f"{name} {_number(value)}" for name, value in parts if value is not None]
    shown.append(f"{word('value', lang)} {_number(example.value) if example.value is not None else word('nothing', lang)}")
    found = ("，" if lang == "zh" else ", ").join(shown)
    source = f"（{word('of', lang)}：{example.source}）" if lang == "zh" else f" ({word('of', lang)}: {example.source})"
    return [*lines, "", f"{word('gives', lang)}{colon}{found}{source}"]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _number(value: float) -> str:
    return f"{value:.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
