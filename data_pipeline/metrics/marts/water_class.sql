-- Class of each section and month after GB 3838-2002 (relation gb3838): for each item the best class whose limit it keeps, 6
-- where it keeps none; the worst item decides the section. Total nitrogen is no item of the class. times_over: how far the
-- worst item lies above its class III limit (C/S - 1); dissolved oxygen and pH have no such multiple.
WITH measured AS (
  SELECT
    r.area_id, r.section, r.start_at, g.item, g.grade, g.bound, g.is_least,
    CASE g.item
      WHEN 'ph_least' THEN r.ph WHEN 'ph_most' THEN r.ph WHEN 'do' THEN r.do_mg_l WHEN 'imn' THEN r.imn_mg_l WHEN 'cod' THEN r.cod_mg_l
      WHEN 'bod5' THEN r.bod5_mg_l WHEN 'nh3n' THEN r.nh3n_mg_l WHEN 'tp' THEN r.tp_mg_l WHEN 'f' THEN r.f_mg_l WHEN 'as' THEN r.as_mg_l
      WHEN 'hg' THEN r.hg_mg_l WHEN 'cd' THEN r.cd_mg_l WHEN 'cr6' THEN r.cr6_mg_l WHEN 'pb' THEN r.pb_mg_l WHEN 'cu' THEN r.cu_mg_l
      WHEN 'zn' THEN r.zn_mg_l WHEN 'cn' THEN r.cn_mg_l WHEN 'phenol' THEN r.phenol_mg_l WHEN 'oil' THEN r.oil_mg_l WHEN 'las' THEN r.las_mg_l
      WHEN 'sulphide' THEN r.sulphide_mg_l
    END AS amount
  FROM records AS r
  CROSS JOIN gb3838 AS g
  WHERE g.body = '' OR g.body = coalesce(r.body, 'river')
),
items AS (
  SELECT
    area_id, section, start_at, item,
    coalesce(min(CASE WHEN (is_least AND amount >= bound) OR (NOT is_least AND amount <= bound) THEN grade END), 6) AS grade,
    max(CASE WHEN grade = 3 AND NOT is_least AND item <> 'ph_most' THEN amount / nullif(bound, 0) - 1 END) AS times_over
  FROM measured WHERE amount IS NOT NULL
  GROUP BY area_id, section, start_at, item
),
sections AS (
  SELECT
    area_id, section, start_at, max(grade) AS grade, max(times_over) AS times_over, count(*) AS items_n,
    max(CASE WHEN item = 'do' THEN grade END) AS grade_do, max(CASE WHEN item = 'imn' THEN grade END) AS grade_imn,
    max(CASE WHEN item = 'cod' THEN grade END) AS grade_cod, max(CASE WHEN item = 'bod5' THEN grade END) AS grade_bod5,
    max(CASE WHEN item = 'nh3n' THEN grade END) AS grade_nh3n, max(CASE WHEN item = 'tp' THEN grade END) AS grade_tp
  FROM items GROUP BY area_id, section, start_at
)
SELECT
  r.area_id, r.section, r.local_day, r.event_at_utc, r.utc_offset_s, r.is_simulated, r.known_from_utc,
  s.grade, s.times_over, s.grade_do, s.grade_imn, s.grade_cod, s.grade_bod5, s.grade_nh3n, s.grade_tp
FROM records AS r
JOIN sections AS s ON s.area_id = r.area_id AND s.section = r.section AND s.start_at = r.start_at
