"""Faults a page can be seen to have, found in the drawn page itself. Each fault is one line: rule, place, what is there."""

from __future__ import annotations

import re
from typing import Any

SMALLEST_PX = 12

# words of a Chinese page that are Latin by nature: units, codes of standards, formats, names of the trade
UNITS = "kWh MWh GWh MW GW kW MVA km mm cm dB dBm Mbps Mbit Gbps min mg µg μg ha kg hPa mol veh"
CODES = "PM GB HJ JT JTG YD CJJ DB TTI AQI RSRP RSRQ SINR MR NO SO CO COD pH NTU CNY RMB GDP ID TOPSIS AHP H3"
FORMATS = "CSV JSON TOML SQL API XLSX GeoJSON GeoPackage Parquet Excel UTC OpenAPI HTTP ETag WGS GCJ BD CGCS EPSG"
SOURCES = "OpenStreetMap ODbL Tianditu CC BY CN GitHub BSD Clause MIT Apache City Brain English EN"
LATIN = frozenset(" ".join((UNITS, CODES, FORMATS, SOURCES)).split())
# what is quoted as it came: file names, addresses, hashes, ids with a digit, a column or a rule of a contract
QUOTED = re.compile(r"python -m data_pipeline [a-z-]+|\S*[/_\d@]\S*|\S+\.(?:csv|json|toml|xlsx|parquet|geojson|zip|gz|txt|nmea|ndjson)\b|\b[a-z]+(?:\.[a-z]+)+\b")
WORD = re.compile(r"[A-Za-zµμ]{2,}")
CJK = re.compile(r"[\u4e00-\u9fff]+")

DRAWN = r"""(smallest) => {
  const skip = '.maplibregl-map, .js-plotly-plot, .warm-up, script, style, noscript, textarea, pre, code, option';
  const seen = e => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const own = e => [...e.childNodes].filter(n => n.nodeType === 3 && n.textContent.trim());
  const words = e => (e.textContent || '').trim().replace(/\s+/g, ' ').slice(0, 60);
  const where = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '')
    + (typeof e.className === 'string' && e.className ? '.' + e.className.trim().split(/\s+/).join('.') : '');
  const all = [...document.body.querySelectorAll('*')].filter(e => !e.closest(skip) && seen(e));
  const found = [];
  const add = (rule, e, more) => found.push(rule + ': ' + where(e) + ' ' + (more || '') + ' «' + words(e) + '»');

  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1) {
    const wide = all.filter(e => e.getBoundingClientRect().right > root.clientWidth + 1).slice(0, 3).map(where).join(', ');
    found.push('sideways: the page is ' + root.scrollWidth + ' px wide in ' + root.clientWidth + ': ' + wide);
  }
  const texts = all.filter(e => own(e).length);
  texts.forEach(e => {
    const size = parseFloat(getComputedStyle(e).fontSize);
    if (size < smallest) { add('small', e, size + ' px'); }
  });
  all.forEach(e => {
    const style = getComputedStyle(e), hides = v => v === 'hidden' || v === 'clip';
    if (!words(e) || e.closest('[title]') || e.querySelector(':scope > [title]:only-child') || e.namespaceURI.includes('svg')) { return; }
    if (hides(style.overflowX) && e.scrollWidth > e.clientWidth + 1) { add('clipped', e, e.scrollWidth + ' px in ' + e.clientWidth); }
    else if (hides(style.overflowY) && e.scrollHeight > e.clientHeight + 3) { add('clipped', e, e.scrollHeight + ' px high in ' + e.clientHeight); }
  });
  const boxes = [];
  texts.filter(e => !e.namespaceURI.includes('svg') && !e.closest('.drawer')).forEach(e => {
    let clip = { left: -1e9, top: -1e9, right: 1e9, bottom: 1e9 };
    for (let p = e; p && p !== document.body; p = p.parentElement) {
      const s = getComputedStyle(p);
      if (s.overflowX !== 'visible' || s.overflowY !== 'visible') {
        const b = p.getBoundingClientRect();
        clip = { left: Math.max(clip.left, b.left), top: Math.max(clip.top, b.top), right: Math.min(clip.right, b.right), bottom: Math.min(clip.bottom, b.bottom) };
      }
    }
    own(e).forEach(n => {
      const range = document.createRange();
      range.selectNodeContents(n);
      for (const r of range.getClientRects()) {
        // glyphs stand in the middle half of a line's box
        const cut = r.height / 4;
        const b = { e: e, left: Math.max(r.left, clip.left), right: Math.min(r.right, clip.right), top: Math.max(r.top + cut, clip.top), bottom: Math.min(r.bottom - cut, clip.bottom) };
        if (b.right - b.left > 2 && b.bottom - b.top > 2) { boxes.push(b); }
      }
    });
  });
  boxes.sort((a, b) => a.top - b.top);
  boxes.forEach((a, i) => {
    for (let j = i + 1; j < boxes.length && boxes[j].top < a.bottom - 1; j += 1) {
      const b = boxes[j];
      if (a.e === b.e || Math.min(a.right, b.right) - Math.max(a.left, b.left) < 2) { continue; }
      if (Math.min(a.bottom, b.bottom) - b.top < 2) { continue; }
      const fixed = e => { for (let p = e; p; p = p.parentElement) { if (['fixed', 'sticky'].includes(getComputedStyle(p).position)) { return true; } } return false; };
      if (fixed(a.e) !== fixed(b.e)) { continue; }
      found.push('overlap: ' + where(a.e) + ' «' + words(a.e) + '» and ' + where(b.e) + ' «' + words(b.e) + '»');
    }
  });
  all.filter(e => e.matches('section, aside, article, main, .panel, .kpi, .card')).forEach(e => {
    if (e.querySelector('canvas, svg, img, input, table, .js-plotly-plot, .dash-graph')) { return; }
    const copy = e.cloneNode(true);
    copy.querySelectorAll('h1, h2, h3, h4, [hidden]').forEach(h => h.remove());
    if (!copy.textContent.trim()) { add('empty', e, 'says neither a value nor a reason'); }
  });
  const said = [];
  texts.filter(e => !e.closest('#root [lang], [hreflang]')).forEach(e => own(e).forEach(n => said.push([where(e), n.textContent.trim()])));
  return { found: found, said: said };
}"""


def lint(page: Any, lang: str, names: frozenset[str] = frozenset()) -> list[str]:
    """Faults of the page as it is drawn now.

    Parameters
    ----------
    page : playwright page
    lang : "zh" or "en"
        Words of the other script are faults, but for units, codes, quoted file names and ids.
    names : words
        Proper names that stay in the other script; on a Chinese page also allowed values of contracts, quoted in reasons.

    Returns
    -------
    list of str
        Without repetitions, in the order of the page; empty where there is nothing to mend.
    """
    drawn = page.evaluate(DRAWN, SMALLEST_PX)
    foreign = [f"untranslated: {where} {words} «{text[:60]}»" for where, text in drawn["said"]
               if (words := other_script(text, lang, names))]  # fmt: skip
    return list(dict.fromkeys([*drawn["found"], *foreign]))


def other_script(text: str, lang: str, names: frozenset[str] = frozenset()) -> list[str]:
    """The words of `text` that belong to the other language."""
    if lang == "en":
        for name in sorted(names, key=len, reverse=True):
            text = text.replace(name, " ")
        return CJK.findall(text)
    return [word for word in WORD.findall(QUOTED.sub(" ", text)) if word not in LATIN and word not in names]
