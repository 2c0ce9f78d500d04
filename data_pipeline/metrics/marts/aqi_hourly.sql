-- AQI of an area and hour after the edition of HJ 633 in force (relation hj633), in whole numbers only.
-- HJ 633-2026: one-hour means of six items, particles by the columns of the daily mean. HJ 633-2012, before 2026-03-01:
-- one-hour means of the gases, ozone's moving mean of 8 hours too (6 of them valid), moving means of 24 hours of the
-- particles (20 valid), and of SO2 where its hour is beyond the last breakpoint (800). A point counts in hours it reported.
-- Concentrations are carried in millionths; the mean of the points is rounded half to even (GB/T 8170) to a step of the table.
WITH hourly AS (
  SELECT
    area_id, site_id, local_day, event_at_utc, utc_offset_s, known_from_utc,
    local_day < CAST('2026-03-01' AS DATE) AS is_2012, CASE WHEN is_simulated THEN 1 ELSE 0 END AS simulated,
    CAST(floor(epoch(event_at_utc) / 3600) AS BIGINT) AS hour_no,
    CAST(round(so2_ug_m3 * 1000) AS BIGINT) AS so2, CAST(round(no2_ug_m3 * 1000) AS BIGINT) AS no2,
    CAST(round(co_mg_m3 * 1000) AS BIGINT) AS co, CAST(round(o3_ug_m3 * 1000) AS BIGINT) AS o3,
    CAST(round(pm10_ug_m3 * 1000) AS BIGINT) AS pm10, CAST(round(pm25_ug_m3 * 1000) AS BIGINT) AS pm25
  FROM records
),
moving AS (
  SELECT
    area_id, site_id, local_day, event_at_utc, utc_offset_s, hour_no,
    max(known_from_utc) OVER w24 AS known_from_utc, max(simulated) OVER w24 AS simulated,
    so2, no2, co, o3,
    sum(o3) OVER w8 AS o3_sum, count(o3) OVER w8 AS o3_n, sum(so2) OVER w24 AS so2_sum, count(so2) OVER w24 AS so2_n,
    sum(pm10) OVER w24 AS pm10_sum, count(pm10) OVER w24 AS pm10_n, sum(pm25) OVER w24 AS pm25_sum, count(pm25) OVER w24 AS pm25_n
  FROM hourly
  WHERE is_2012
  WINDOW
    w8 AS (PARTITION BY area_id, site_id ORDER BY hour_no RANGE BETWEEN 7 PRECEDING AND CURRENT ROW),
    w24 AS (PARTITION BY area_id, site_id ORDER BY hour_no RANGE BETWEEN 23 PRECEDING AND CURRENT ROW)
),
points AS (
  SELECT
    area_id, local_day, event_at_utc, utc_offset_s, known_from_utc, simulated, hour_no,
    so2 * 1000 AS so2_1h, no2 * 1000 AS no2_1h, co * 1000 AS co_1h, o3 * 1000 AS o3_1h,
    CASE WHEN o3_n >= 6 THEN CAST(o3_sum AS BIGINT) * 1000 // o3_n END AS o3_8h,
    CASE WHEN so2_n >= 20 THEN CAST(so2_sum AS BIGINT) * 1000 // so2_n END AS so2_24h,
    CASE WHEN pm10_n >= 20 THEN CAST(pm10_sum AS BIGINT) * 1000 // pm10_n END AS pm10,
    CASE WHEN pm25_n >= 20 THEN CAST(pm25_sum AS BIGINT) * 1000 // pm25_n END AS pm25
  FROM moving
  UNION ALL
  SELECT
    area_id, local_day, event_at_utc, utc_offset_s, known_from_utc, simulated, hour_no,
    so2 * 1000, no2 * 1000, co * 1000, o3 * 1000, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), pm10 * 1000, pm25 * 1000
  FROM hourly
  WHERE NOT is_2012
),
hours AS (
  SELECT
    area_id, hour_no, max(local_day) AS local_day, min(event_at_utc) AS event_at_utc, max(utc_offset_s) AS utc_offset_s,
    max(simulated) = 1 AS is_simulated, max(known_from_utc) AS known_from_utc, count(*) AS records_n,
    CAST(sum(so2_1h) AS BIGINT) AS so2_1h, count(so2_1h) AS so2_1h_n, CAST(sum(so2_24h) AS BIGINT) AS so2_24h, count(so2_24h) AS so2_24h_n,
    CAST(sum(no2_1h) AS BIGINT) AS no2, count(no2_1h) AS no2_n, CAST(sum(co_1h) AS BIGINT) AS co, count(co_1h) AS co_n,
    CAST(sum(o3_1h) AS BIGINT) AS o3_1h, count(o3_1h) AS o3_1h_n, CAST(sum(o3_8h) AS BIGINT) AS o3_8h, count(o3_8h) AS o3_8h_n,
    CAST(sum(pm10) AS BIGINT) AS pm10, count(pm10) AS pm10_n, CAST(sum(pm25) AS BIGINT) AS pm25, count(pm25) AS pm25_n
  FROM points GROUP BY area_id, hour_no
),
-- part: millionths of the unit, times points, that make one step
long AS (
  SELECT area_id, hour_no, local_day, 'so2_1h' AS item, so2_1h AS total, so2_1h_n AS k, so2_1h_n * 1000000 AS part FROM hours WHERE so2_1h_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'so2_24h', so2_24h, so2_24h_n, so2_24h_n * 1000000 FROM hours WHERE so2_24h_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'no2_1h', no2, no2_n, no2_n * 1000000 FROM hours WHERE no2_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'co_1h', co, co_n, co_n * 100000 FROM hours WHERE co_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'o3_1h', o3_1h, o3_1h_n, o3_1h_n * 1000000 FROM hours WHERE o3_1h_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'o3_8h', o3_8h, o3_8h_n, o3_8h_n * 1000000 FROM hours WHERE o3_8h_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'pm10_24h', pm10, pm10_n, pm10_n * 1000000 FROM hours WHERE pm10_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'pm25_24h', pm25, pm25_n, pm25_n * 1000000 FROM hours WHERE pm25_n > 0
),
-- each point's moving mean is cut off to a millionth: within k of a half it is a half, as in the index of the day
rounded AS (
  SELECT
    area_id, hour_no, local_day, item,
    CASE
      WHEN 2 * (total % part) - part > 2 * k THEN total // part + 1
      WHEN abs(2 * (total % part) - part) <= 2 * k THEN total // part + (total // part) % 2
      ELSE total // part
    END AS c
  FROM long
),
indexed AS (
  SELECT
    r.area_id, r.hour_no, r.local_day, r.item, r.c,
    CASE WHEN r.c = 0 THEN 0 ELSE s.i_lo + ((s.i_hi - s.i_lo) * (r.c - s.bp_lo) + (s.bp_hi - s.bp_lo) - 1) // (s.bp_hi - s.bp_lo) END AS iaqi
  FROM rounded AS r
  LEFT JOIN hj633 AS s ON s.item = r.item AND r.c > s.bp_lo AND r.c <= s.bp_hi AND r.local_day >= s.since AND r.local_day < s.until
),
-- the hour of SO2 beyond 800: in 2012 it has no sub-index of its own, the one of 24 hours stands for it
beyond AS (
  SELECT area_id, hour_no FROM indexed WHERE item = 'so2_1h' AND iaqi IS NULL
),
worst AS (
  SELECT
    i.area_id, i.hour_no, max(i.iaqi) AS worst,
    -- ozone's 8 hours beyond 800 have none either: there the hour of ozone speaks for both
    count(CASE WHEN i.iaqi IS NOT NULL OR i.item = 'o3_8h' THEN 1 END) AS items_n,
    CASE WHEN max(i.local_day) < CAST('2026-03-01' AS DATE) THEN 7 ELSE 6 END AS due_n
  FROM indexed AS i
  LEFT JOIN beyond AS b ON b.area_id = i.area_id AND b.hour_no = i.hour_no
  WHERE i.item <> 'so2_24h' OR b.hour_no IS NOT NULL
  GROUP BY i.area_id, i.hour_no
)
SELECT
  h.area_id, h.local_day, h.event_at_utc, h.utc_offset_s, h.is_simulated, h.known_from_utc, h.records_n,
  -- with an item missing there is an index only where it is above 100 all the same
  CASE WHEN w.items_n = w.due_n OR w.worst > 100 THEN greatest(w.worst, 1) END AS aqi
FROM hours AS h
LEFT JOIN worst AS w ON w.area_id = h.area_id AND w.hour_no = h.hour_no
