-- AQI of an area and hour after HJ 633-2026: one-hour means of all six items, particles by the columns of the daily mean.
-- Before 2026-03-01 there is none: the 2012 edition's hour rests on moving means of the day before. Whole numbers only;
-- the mean of the points is rounded half to even (GB/T 8170) to a step of the table (1 ug, 0.1 mg for CO).
WITH hourly AS (
  SELECT
    area_id, site_id, local_day, event_at_utc, utc_offset_s, is_simulated, known_from_utc,
    CAST(floor(epoch(event_at_utc) / 3600) AS BIGINT) AS hour_no,
    CAST(round(so2_ug_m3 * 1000) AS BIGINT) AS so2, CAST(round(no2_ug_m3 * 1000) AS BIGINT) AS no2,
    CAST(round(co_mg_m3 * 1000) AS BIGINT) AS co, CAST(round(o3_ug_m3 * 1000) AS BIGINT) AS o3,
    CAST(round(pm10_ug_m3 * 1000) AS BIGINT) AS pm10, CAST(round(pm25_ug_m3 * 1000) AS BIGINT) AS pm25
  FROM records
  WHERE local_day >= CAST('2026-03-01' AS DATE)
),
hours AS (
  SELECT
    area_id, hour_no, max(local_day) AS local_day, min(event_at_utc) AS event_at_utc, max(utc_offset_s) AS utc_offset_s,
    max(CASE WHEN is_simulated THEN 1 ELSE 0 END) = 1 AS is_simulated, max(known_from_utc) AS known_from_utc, count(*) AS records_n,
    CAST(sum(so2) AS BIGINT) AS so2, count(so2) AS so2_n, CAST(sum(no2) AS BIGINT) AS no2, count(no2) AS no2_n,
    CAST(sum(co) AS BIGINT) AS co, count(co) AS co_n, CAST(sum(o3) AS BIGINT) AS o3, count(o3) AS o3_n,
    CAST(sum(pm10) AS BIGINT) AS pm10, count(pm10) AS pm10_n, CAST(sum(pm25) AS BIGINT) AS pm25, count(pm25) AS pm25_n
  FROM hourly GROUP BY area_id, hour_no
),
-- part: thousandths of the unit, times points, that make one step
long AS (
  SELECT area_id, hour_no, local_day, 'so2_1h' AS item, so2 AS total, so2_n * 1000 AS part FROM hours WHERE so2_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'no2_1h', no2, no2_n * 1000 FROM hours WHERE no2_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'co_1h', co, co_n * 100 FROM hours WHERE co_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'o3_1h', o3, o3_n * 1000 FROM hours WHERE o3_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'pm10_24h', pm10, pm10_n * 1000 FROM hours WHERE pm10_n > 0
  UNION ALL SELECT area_id, hour_no, local_day, 'pm25_24h', pm25, pm25_n * 1000 FROM hours WHERE pm25_n > 0
),
rounded AS (
  SELECT
    area_id, hour_no, local_day, item,
    CASE
      WHEN 2 * (total % part) > part THEN total // part + 1
      WHEN 2 * (total % part) = part THEN total // part + (total // part) % 2
      ELSE total // part
    END AS c
  FROM long
),
indexed AS (
  SELECT
    r.area_id, r.hour_no, r.item,
    CASE WHEN r.c = 0 THEN 0 ELSE s.i_lo + ((s.i_hi - s.i_lo) * (r.c - s.bp_lo) + (s.bp_hi - s.bp_lo) - 1) // (s.bp_hi - s.bp_lo) END AS iaqi
  FROM rounded AS r
  LEFT JOIN hj633 AS s ON s.item = r.item AND r.c > s.bp_lo AND r.c <= s.bp_hi AND r.local_day >= s.since AND r.local_day < s.until
),
worst AS (
  SELECT area_id, hour_no, max(iaqi) AS worst, count(*) AS items_n FROM indexed GROUP BY area_id, hour_no
)
SELECT
  h.area_id, h.local_day, h.event_at_utc, h.utc_offset_s, h.is_simulated, h.known_from_utc, h.records_n,
  CASE WHEN w.items_n = 6 OR w.worst > 100 THEN greatest(w.worst, 1) END AS aqi
FROM hours AS h
LEFT JOIN worst AS w ON w.area_id = h.area_id AND w.hour_no = h.hour_no
