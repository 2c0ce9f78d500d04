"""Components: values in, Dash tree or Plotly figure (plain dict) out. Nothing here asks a query.

==================  ================================================================================
module              what it gives
==================  ================================================================================
theme               `color(token, theme)`, `ramp(n, theme)`, `level_color(...)`, `tokens_css()`; the
                    only home of colours. `assets/tokens.css` is written from it
                    (`python -m components.theme`); CSS uses `var(--token)`.
i18n                `t(key, lang, **values)`, `pick(zh, en, lang)`, `has(key, lang)`; texts in `text/*.toml`
formats             `figure(value, unit, decimals, lang) -> Figure(number, unit, is_value)`, `.text`;
                    `number`, `share`, `change`, `age(seconds)`, `moment(utc, tz, lang, now)`,
                    `full_moment`, `period(reading, tz, lang, now)`, `status_words(reading, …)`,
                    `partial_words`, `simulated_words`
ids                 `live_id(*parts)`: id of a live region (`v-…`); `figure_key(reading)`
figures             `kpi_card(card, metric, tz, lang, now, region="kpi")`, `figure_row(…)`, `changes(…)`,
                    `usable(reading)`, `figure_props(reading, name, value, lang)`: spread these into
                    any element and it opens the provenance drawer by click and keyboard
strip               `strip(trend, value, band, …)` course with usual range; `deviation`, `is_bad`
trend               `trend(series, metric, tz, lang, theme, id=…, compare=…, bands=…)` graph in its box;
                    `trend_figure(…)` the dict
ranking             `ranking(readings, names, metric, href, tz, lang, now, id=…, limit=…, current=…)`
maps.city_map       `map_figure(base, layer, places, readings, metric, theme, lang, events=…)`,
                    `classes(…)`, `legend(…)`, `BaseMap`, `Place`
maps.frame          `map_box(figure, lang, id=…, label=…)`: the box with its bar of scale, folded on a phone; `credits(city, lang, href)`,
                    `sketches(city, lang, approximate=…)`: who drew it, by which approval, and what of it is a sketch
ledger.printed      `target_value`, `deadline_words`, `lead_words`, `domain_words`: a promise as printed
ledger.words        `status_mark(status, lang)`: shape and word; `amount`, `span`, `reason_words`, `counts`
ledger.paths        `axis_of(rows, on)`, `small_path(row, axis)`: paths of targets on one time axis
ledger.listing      `target_table(rows, again, axis, words)`, `status_counts`, `fold`, `sort_rows`, `ListWords`
ledger.strip        `plan_strip(rows, words, id=…)`: a mark a target by status; `target_list`, `turn`
ledger.target       one target: `figures`, `owners`, `document_facts`, `reports`; `chart.path_figure(…)` its path
ledger.drawer       `provenance(row, ledger, said, …)`: what is behind a target's figures
ledger.projects     `stage_board`, `project_table`, `group_table`, `money`; `systems`, `departments`: their boards
ledger.fields       `choose(…)`, `day(…)`: a list or a date whose value is part of the address (`assets/ledger.js`)
ticker              `ticker(events, names, tz, lang, now, id=…, href=…, limit=…)`, `sort_events`, `is_signal`
sentence            `parts(…)`, `sentence(parts, at, tz, lang, id=…)`: the opening sentence by rule
drawer              `shell(lang)`, `provenance(item, metric, area_name, tz, lang, api_href)`
element             `Element`: what React components of our own share
table               `table(columns, rows, lang, id=…, caption=…, numeric=…)`, `pager(…)`
states              `empty(text, hint, links=…)`, `mark(text, kind)`, `simulated_badge(…)`
cells               `cell(value, column, tz, lang)`, `label(name, contract, lang)`, `attributes(…)`, `unit_words(…)`:
                    cells of records and registers as words, by the contract's column; `office(name, names, lang)`
compare             `rank_of(readings, area)`, `comparison(city, siblings, area, metric, lang, region=…)`
maps.dots           `padded(box)`, `focused(base, box)`, `with_outline(figure, url, area, …)`, `with_tiles(figure, url, …)`,
                    `with_sites(figure, sites, …)`, `site_map(base, box, layer, theme, revision=…)`: single places on maps
maps.overlays       `with_roads(figure, url, states, …)`, `with_heat(figure, url, heat, …)` and their legends: lines and cells by class
history             `history(points, column, cadence, tz, lang, theme, id=…)`: records of a site, broken where one is missing
tools               `search_button`, `search_dialog`, `menu(…)`, `icon(name)`: what the header offers on every page
source_line         `SourceLine`, `words(reading, …)`: what a figure says when it leaves the screen; `chart_tools(…)` the line, table and
                    downloads below a chart, `buttons(…)`
side_by_side        `figures_table(…)`, `courses(…)`, `aligned(…)`: areas or periods beside each other
==================  ================================================================================

Live regions: an element whose id comes from `live_id` is sent again when its content changes,
in place; everything else of a page is sent once. Do not nest live regions.
"""
