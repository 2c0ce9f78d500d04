"""Faults a page can be seen to have, found in the drawn page itself. Each fault is one line: rule, place, what is there."""

from __future__ import annotations

import re
from typing import Any

SMALLEST_PX = 12
TOUCH_PX = 44
# WCAG 2.2, 1.4.3: text, and text of at least 24 px or of 18.66 px and bold
CONTRAST, CONTRAST_LARGE = 4.5, 3.0

# words of a Chinese page that are Latin by nature: units, codes of standards, formats, names of the trade
UNITS = "kWh MWh GWh MW GW kW MVA km mm cm dB dBm Mbps Mbit Gbps min mg µg μg ha kg hPa mol veh"
CODES = "PM GB HJ JT JTG YD CJJ DB TTI AQI RSRP RSRQ SINR MR NO SO CO COD pH NTU CNY RMB GDP ID TOPSIS AHP H3 Leq Ldn SS LNG CPU vCPU PUE IT II III IV"
FORMATS = "PDF CSV JSON TOML SQL API XLSX GeoJSON GeoPackage Parquet Excel UTC OpenAPI HTTP ETag WGS GCJ BD CGCS EPSG PNG SVG SHA SDMX Esc"
SOURCES = "OpenStreetMap ODbL Tianditu CC BY CN GitHub BSD Clause MIT Apache City Brain English EN"
LATIN = frozenset(" ".join((UNITS, CODES, FORMATS, SOURCES)).split())
# what is quoted as it came: file names, addresses, hashes, ids with a digit, a column or a rule of a contract
QUOTED = re.compile(r"python -m data_pipeline [a-z-]+|\S*[/_\d@]\S*|\S+\.(?:csv|json|toml|xlsx|parquet|geojson|zip|gz|txt|nmea|ndjson)\b|\b[a-z]+(?:\.[a-z]+)+\b")
WORD = re.compile(r"[A-Za-zµμ]{2,}")
CJK = re.compile(r"[\u4e00-\u9fff]+")

# a wall leaves out rows in the frame after new words: nothing is measured between the two
WHEN_FITTED = """async (rules) => {
  while (document.documentElement.dataset.fitting === 'yes') { await new Promise((done) => setTimeout(done, 10)); }
  return ("""
DRAWN = r"""(rules) => {
  const root = document.documentElement;
  // the smallest text grows with the screen: what is 12 px on a desk is 24 px on a wall of twice its width
  // the root size of a scene of the wall is the least its readers can read
  const rootPx = parseFloat(getComputedStyle(root).fontSize);
  const smallest = Math.max(rules.smallest, (root.dataset.wall ? 16 : rules.smallest) / 16 * rootPx) - 0.1;
  const skip = '.maplibregl-map, .js-plotly-plot, script, style, noscript, textarea, pre, code, option';
  const seen = e => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const own = e => [...e.childNodes].filter(n => n.nodeType === 3 && n.textContent.trim());
  const words = e => (e.textContent || '').trim().replace(/\s+/g, ' ').slice(0, 60);
  const where = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '')
    + (typeof e.className === 'string' && e.className ? '.' + e.className.trim().split(/\s+/).join('.') : '');
  const all = [...document.body.querySelectorAll('*')].filter(e => !e.closest(skip) && seen(e));
  const found = [];
  const add = (rule, e, more) => found.push(rule + ': ' + where(e) + ' ' + (more || '') + ' «' + words(e) + '»');

  if (root.scrollWidth > root.clientWidth + 1) {
    const wide = all.filter(e => e.getBoundingClientRect().right > root.clientWidth + 1).slice(0, 3).map(where).join(', ');
    found.push('sideways: the page is ' + root.scrollWidth + ' px wide in ' + root.clientWidth + ': ' + wide);
  }
  const texts = all.filter(e => own(e).length);
  texts.forEach(e => {
    const size = parseFloat(getComputedStyle(e).fontSize);
    if (size < smallest) { add('small', e, size + ' px, at least ' + smallest.toFixed(0)); }
  });
  document.querySelectorAll('.js-plotly-plot').forEach(g => {
    if (!seen(g) || !g.data || !g.closest('.dash-graph')) { return; }
    const sizes = (g.data || []).filter(d => (d.mode || '').includes('text')).map(d => (d.textfont || {}).size);
    const axes = ['xaxis', 'yaxis', 'legend'].map(a => (g.layout[a] || {}).tickfont || (g.layout[a] || {}).font).filter(f => f).map(f => f.size);
    sizes.concat(axes).filter(s => s && s < smallest).forEach(s => add('small', g, 'text of a figure: ' + s + ' px, at least ' + smallest.toFixed(0)));
  });
  if (rules.touch && root.clientWidth < 1000) {
    all.filter(e => e.matches('a[href], button, summary, input:not([type=hidden]), select, [role=button]')).forEach(e => {
      // a link in running text is as high as its line (WCAG 2.5.8 excepts it)
      const style = getComputedStyle(e);
      if (style.display === 'inline' || style.pointerEvents === 'none' || e.closest('.skip, .sentence') || e.matches('label input')) { return; }
      const b = e.getBoundingClientRect();
      if (b.width < rules.touch - 0.5 || b.height < rules.touch - 0.5) { add('touch', e, Math.round(b.width) + ' × ' + Math.round(b.height) + ' px'); }
    });
  }
  const parse = c => {
    const srgb = /color\(srgb ([\d.]+) ([\d.]+) ([\d.]+)(?: \/ ([\d.]+))?\)/.exec(c);
    if (srgb) { return [srgb[1] * 255, srgb[2] * 255, srgb[3] * 255, srgb[4] === undefined ? 1 : +srgb[4]]; }
    const n = (c.match(/[\d.]+/g) || []).map(Number);
    return [n[0] || 0, n[1] || 0, n[2] || 0, n.length > 3 ? n[3] : n.length ? 1 : 0];
  };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const ground = e => {
    const layers = [];
    for (let p = e; p; p = p.parentElement) {
      const c = parse(getComputedStyle(p).backgroundColor);
      if (c[3] > 0) { layers.push(c); }
      if (c[3] === 1) { break; }
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const luminance = c => {
    const l = c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));
    return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2];
  };
  texts.filter(e => !e.namespaceURI.includes('svg') && !e.matches(':disabled')).forEach(e => {
    const style = getComputedStyle(e), under = ground(e);
    let opacity = 1;
    for (let p = e; p; p = p.parentElement) { opacity *= parseFloat(getComputedStyle(p).opacity); }
    const ink = parse(style.color);
    const pair = [luminance(over([ink[0], ink[1], ink[2], ink[3] * opacity], under)), luminance(under)].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05), px = parseFloat(style.fontSize);
    const least = px >= 24 || px >= 18.66 && parseInt(style.fontWeight, 10) >= 700 ? rules.large : rules.contrast;
    if (ratio < least - 0.01) { add('contrast', e, ratio.toFixed(2) + ' : 1, at least ' + least); }
  });
  // a colour that means something has a word or a shape beside it
  document.querySelectorAll('.swatch, .is-bad, .is-late, .is-stale').forEach(e => {
    if (!seen(e) || e.closest(skip)) { return; }
    const said = e.matches('.swatch') ? (e.parentElement.textContent || '').trim()
      : e.matches('.is-bad, .is-stale') && e.matches('button') ? [...e.querySelectorAll('.mark, .row-words, .kpi-words')].map(words).join('') : words(e) || e.title || e.getAttribute('aria-label');
    if (!said) { add('colour only', e, ''); }
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
    rules = {"smallest": SMALLEST_PX, "touch": TOUCH_PX, "contrast": CONTRAST, "large": CONTRAST_LARGE}
    drawn = page.evaluate(WHEN_FITTED + DRAWN + ")(rules); }", rules)
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
