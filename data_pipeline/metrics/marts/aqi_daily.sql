-- AQI of an area and day after HJ 633-2026 (from 2026-03-01) and HJ 633-2012 (before), in whole numbers only:
-- binary fractions give wrong steps (CO 2.2 mg/m3 must give 55). Concentrations are carried in millionths.
-- Validity: a daily mean needs 20 hourly values at the point, an 8-hour mean needs 6, ozone's day needs 20 hours.
WITH hourly AS (
  SELECT
    area_id, site_id, local_day, event_at_utc, utc_offset_s, is_simulated, known_from_utc,
    CAST(floor((epoch(event_at_utc) + utc_offset_s) / 3600) AS BIGINT) % 24 AS hour_no,
    CAST(round(so2_ug_m3 * 1000) AS BIGINT) AS so2, CAST(round(no2_ug_m3 * 1000) AS BIGINT) AS no2,
    CAST(round(co_mg_m3 * 1000) AS BIGINT) AS co, CAST(round(o3_ug_m3 * 1000) AS BIGINT) AS o3,
    CAST(round(pm10_ug_m3 * 1000) AS BIGINT) AS pm10, CAST(round(pm25_ug_m3 * 1000) AS BIGINT) AS pm25
  FROM records
),
moving AS (
  SELECT
    area_id, site_id, local_day, hour_no,
    sum(o3) OVER w AS o3_sum, count(o3) OVER w AS o3_n
  FROM hourly
  WINDOW w AS (PARTITION BY area_id, site_id, local_day ORDER BY hour_no RANGE BETWEEN 7 PRECEDING AND CURRENT ROW)
),
ozone AS (
  -- windows that end at 8:00 ... 24:00 of the day: the last hour starts at 7 ... 23
  SELECT area_id, site_id, local_day, max(CAST(o3_sum AS BIGINT) * 1000 // o3_n) AS o3_8h
  FROM moving WHERE hour_no >= 7 AND o3_n >= 6
  GROUP BY area_id, site_id, local_day
),
points AS (
  SELECT
    h.area_id, h.site_id, h.local_day,
    CASE WHEN count(so2) >= 20 THEN CAST(sum(so2) AS BIGINT) * 1000 // count(so2) END AS so2,
    CASE WHEN count(no2) >= 20 THEN CAST(sum(no2) AS BIGINT) * 1000 // count(no2) END AS no2,
    CASE WHEN count(co) >= 20 THEN CAST(sum(co) AS BIGINT) * 1000 // count(co) END AS co,
    CASE WHEN count(pm10) >= 20 THEN CAST(sum(pm10) AS BIGINT) * 1000 // count(pm10) END AS pm10,
    CASE WHEN count(pm25) >= 20 THEN CAST(sum(pm25) AS BIGINT) * 1000 // count(pm25) END AS pm25,
    CASE WHEN count(o3) >= 20 THEN max(o3) * 1000 END AS o3_1h,
    CASE WHEN count(o3) >= 20 THEN max(z.o3_8h) END AS o3_8h,
    count(*) AS records_n, min(event_at_utc) AS event_at_utc, max(event_at_utc) AS last_at_utc, max(utc_offset_s) AS utc_offset_s,
    max(CASE WHEN is_simulated THEN 1 ELSE 0 END) AS simulated, max(known_from_utc) AS known_from_utc
  FROM hourly AS h
  LEFT JOIN ozone AS z ON z.area_id = h.area_id AND z.site_id = h.site_id AND z.local_day = h.local_day
  GROUP BY h.area_id, h.site_id, h.local_day
),
-- mean over points: sum and number for each pollutant; unit_u millionths make one step of the table (1 ug, 0.1 mg for CO)
long AS (
  SELECT area_id, local_day, 'so2' AS item, 1000000 AS unit_u, CAST(sum(so2) AS BIGINT) AS total, count(so2) AS k FROM points GROUP BY area_id, local_day
  UNION ALL SELECT area_id, local_day, 'no2', 1000000, CAST(sum(no2) AS BIGINT), count(no2) FROM points GROUP BY area_id, local_day
  UNION ALL SELECT area_id, local_day, 'co', 100000, CAST(sum(co) AS BIGINT), count(co) FROM points GROUP BY area_id, local_day
  UNION ALL SELECT area_id, local_day, 'pm10', 1000000, CAST(sum(pm10) AS BIGINT), count(pm10) FROM points GROUP BY area_id, local_day
  UNION ALL SELECT area_id, local_day, 'pm25', 1000000, CAST(sum(pm25) AS BIGINT), count(pm25) FROM points GROUP BY area_id, local_day
  UNION ALL SELECT area_id, local_day, 'o3_8h', 1000000, CAST(sum(o3_8h) AS BIGINT), count(o3_8h) FROM points GROUP BY area_id, local_day
  UNION ALL SELECT area_id, local_day, 'o3_1h', 1000000, CAST(sum(o3_1h) AS BIGINT), count(o3_1h) FROM points
    WHERE local_day < CAST('2026-03-01' AS DATE) GROUP BY area_id, local_day
),
-- GB/T 8170: half to even. Each point's mean is cut off to a millionth, so a sum of k points may fall short by k of
-- them: within that a half is a half (two points of 2111/24 and 1033/24 make 65.5, which is 66)
rounded AS (
  SELECT
    area_id, local_day, item, k,
    CASE
      WHEN 2 * (total % (k * unit_u)) - k * unit_u > 2 * k THEN total // (k * unit_u) + 1
      WHEN abs(2 * (total % (k * unit_u)) - k * unit_u) <= 2 * k THEN total // (k * unit_u) + (total // (k * unit_u)) % 2
      ELSE total // (k * unit_u)
    END AS c
  FROM long WHERE k > 0
),
-- bp_hi in ug/m3, CO in 0.1 mg/m3; since: 1 both standards, 2012 or 2026 only one
steps AS (
  SELECT * FROM (VALUES
    ('so2', 1, 0, 50, 0, 50), ('so2', 1, 50, 100, 50, 150), ('so2', 1, 100, 150, 150, 475), ('so2', 1, 150, 200, 475, 800),
    ('so2', 1, 200, 300, 800, 1600), ('so2', 1, 300, 400, 1600, 2100), ('so2', 1, 400, 500, 2100, 2620),
    ('no2', 1, 0, 50, 0, 40), ('no2', 1, 50, 100, 40, 80), ('no2', 1, 100, 150, 80, 180), ('no2', 1, 150, 200, 180, 280),
    ('no2', 1, 200, 300, 280, 565), ('no2', 1, 300, 400, 565, 750), ('no2', 1, 400, 500, 750, 940),
    ('co', 1, 0, 50, 0, 20), ('co', 1, 50, 100, 20, 40), ('co', 1, 100, 150, 40, 140), ('co', 1, 150, 200, 140, 240),
    ('co', 1, 200, 300, 240, 360), ('co', 1, 300, 400, 360, 480), ('co', 1, 400, 500, 480, 600),
    ('o3_8h', 1, 0, 50, 0, 100), ('o3_8h', 1, 50, 100, 100, 160), ('o3_8h', 1, 100, 150, 160, 215),
    ('o3_8h', 1, 150, 200, 215, 265), ('o3_8h', 1, 200, 300, 265, 800),
    ('o3_1h', 1, 0, 50, 0, 160), ('o3_1h', 1, 50, 100, 160, 200), ('o3_1h', 1, 100, 150, 200, 300),
    ('o3_1h', 1, 150, 200, 300, 400), ('o3_1h', 1, 200, 300, 400, 800), ('o3_1h', 1, 300, 400, 800, 1000), ('o3_1h', 1, 400, 500, 1000, 1200),
    ('pm10', 1, 0, 50, 0, 50), ('pm10', 2026, 50, 100, 50, 120), ('pm10', 2026, 100, 150, 120, 250),
    ('pm10', 2012, 50, 100, 50, 150), ('pm10', 2012, 100, 150, 150, 250),
    ('pm10', 1, 150, 200, 250, 350), ('pm10', 1, 200, 300, 350, 420), ('pm10', 1, 300, 400, 420, 500), ('pm10', 1, 400, 500, 500, 600),
    ('pm25', 1, 0, 50, 0, 35), ('pm25', 2026, 50, 100, 35, 60), ('pm25', 2026, 100, 150, 60, 115),
    ('pm25', 2012, 50, 100, 35, 75), ('pm25', 2012, 100, 150, 75, 115),
    ('pm25', 1, 150, 200, 115, 150), ('pm25', 1, 200, 300, 150, 250), ('pm25', 1, 300, 400, 250, 350), ('pm25', 1, 400, 500, 350, 500)
  ) AS t(item, version, i_lo, i_hi, bp_lo, bp_hi)
),
indexed AS (
  SELECT
    r.area_id, r.local_day, r.item,
    -- rounded up; above the last step the end of the range
    CASE WHEN r.c = 0 THEN 0 ELSE coalesce(
      s.i_lo + ((s.i_hi - s.i_lo) * (r.c - s.bp_lo) + (s.bp_hi - s.bp_lo) - 1) // (s.bp_hi - s.bp_lo),
      CASE
        WHEN r.item <> 'o3_8h' THEN 500
        WHEN r.local_day >= CAST('2026-03-01' AS DATE) THEN 300
      END
    ) END AS iaqi
  FROM rounded AS r
  LEFT JOIN steps AS s ON s.item = r.item AND r.c > s.bp_lo AND r.c <= s.bp_hi
    AND s.version IN (1, CASE WHEN r.local_day >= CAST('2026-03-01' AS DATE) THEN 2026 ELSE 2012 END)
),
days AS (
  SELECT area_id, local_day, max(iaqi) AS worst, count(DISTINCT CASE WHEN item <> 'o3_1h' THEN item END) AS items_n
  FROM indexed GROUP BY area_id, local_day
),
counted AS (
  SELECT
    area_id, local_day, sum(records_n) AS records_n, min(event_at_utc) AS event_at_utc, max(utc_offset_s) AS utc_offset_s,
    max(simulated) = 1 AS is_simulated, max(known_from_utc) AS known_from_utc
  FROM points GROUP BY area_id, local_day
)
SELECT
  c.area_id, c.local_day, c.event_at_utc, c.utc_offset_s, c.is_simulated, c.known_from_utc, c.records_n,
  CASE WHEN d.items_n = 6 OR d.worst > 100 THEN greatest(d.worst, 1) END AS aqi
FROM counted AS c
LEFT JOIN days AS d ON d.area_id = c.area_id AND d.local_day = c.local_day
