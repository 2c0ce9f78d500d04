"""The metric manual on screen: the list by domain, and the page of one metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dash import html

from components.i18n import Lang, pick, t
from data_pipeline.metrics import Metric
from data_pipeline.metrics.manual import facts, word


def listing(groups: Sequence[tuple[str, Sequence[tuple[str, Sequence[Metric]]]]], href: Callable[[str], str], lang: Lang) -> html.Div:
    """Every metric by group and section: name, and what it says in its first sentence."""
    found = []
    for name, sections in groups:
        parts = []
        for section, metrics in sections:
            lines = [html.Li([html.A(pick(m.name_zh, m.name_en, lang), href=href(m.id)), html.Span(pick(m.says_zh, m.says_en, lang))])
                     for m in metrics]  # fmt: skip
            parts.append(html.Section([html.H3(section), html.Ul(lines)]))
        found.append(html.Section([html.H2([name, html.Small(word("n", lang, n=sum(len(m) for _, m in sections)))]), *parts]))
    return html.Div(found, className="manual-list")


def entry(metric: Metric, lang: Lang) -> html.Article:
    """What a metric says and does not say, its facts and formula, and its worked examples."""
    facts_shown = []
    for label, text in facts(metric, lang):
        code = text.startswith("`") and text.endswith("`") and text.count("`") == 2
        facts_shown += [html.Dt(label), html.Dd(html.Code(text.strip("`")) if code else text.replace("`", ""))]
    unit = t(f"unit.{metric.unit}", lang)
    examples = []
    for example in metric.examples:
        parts = [f"{word(key, lang)} {getattr(example, key):g}" for key in ("numerator", "denominator") if getattr(example, key) is not None]
        parts.append(f"{word('value', lang)} {example.value:g}" if example.value is not None else word("nothing", lang))
        rows = [", ".join(f"{key} = {value}" for key, value in row.items()) for row in example.rows[:6]]
        if len(example.rows) > len(rows):
            rows.append(word("more", lang, n=len(example.rows) - len(rows)))
        examples.append(html.Section([html.H3([word("example", lang), " ", html.Span(example.shows(lang), className="manual-example")]),
                                      html.Pre("\n".join(rows), className="sql"),
                                      html.P([html.B(("，" if lang == "zh" else ", ").join(parts)), html.Small(html.Code(example.source))])]))  # fmt: skip
    return html.Article(
        [
            html.H1([pick(metric.name_zh, metric.name_en, lang), html.Span(unit), html.Code(metric.id)]),
            html.P(pick(metric.says_zh, metric.says_en, lang), className="manual-says"),
            html.P([html.B(word("not", lang)), pick(metric.does_not_say_zh, metric.does_not_say_en, lang)], className="manual-not"),
            html.Dl(facts_shown, className="facts"), *examples,
        ],
        className="manual-entry",
    )  # fmt: skip
