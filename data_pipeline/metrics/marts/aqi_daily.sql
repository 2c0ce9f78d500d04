-- AQI and sub-indices of an area and day after the edition of HJ 633 in force (relation hj633), in whole numbers only:
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
-- mean over points: sum and number for each pollutant. Grouped before they are set below one another: of a UNION whose
-- branches group one large relation DuckDB 1.5 never comes to an end (docs/decisions/0003-readings.md)
sums AS (
  SELECT
    area_id, local_day, CAST(sum(so2) AS BIGINT) AS so2, count(so2) AS so2_n, CAST(sum(no2) AS BIGINT) AS no2, count(no2) AS no2_n,
    CAST(sum(co) AS BIGINT) AS co, count(co) AS co_n, CAST(sum(pm10) AS BIGINT) AS pm10, count(pm10) AS pm10_n,
    CAST(sum(pm25) AS BIGINT) AS pm25, count(pm25) AS pm25_n, CAST(sum(o3_8h) AS BIGINT) AS o3_8h, count(o3_8h) AS o3_8h_n,
    CAST(sum(o3_1h) AS BIGINT) AS o3_1h, count(o3_1h) AS o3_1h_n
  FROM points GROUP BY area_id, local_day
),
-- unit_u millionths make one step of the table (1 ug, 0.1 mg for CO)
long AS (
  SELECT area_id, local_day, 'so2_24h' AS item, 1000000 AS unit_u, so2 AS total, so2_n AS k FROM sums
  UNION ALL SELECT area_id, local_day, 'no2_24h', 1000000, no2, no2_n FROM sums
  UNION ALL SELECT area_id, local_day, 'co_24h', 100000, co, co_n FROM sums
  UNION ALL SELECT area_id, local_day, 'pm10_24h', 1000000, pm10, pm10_n FROM sums
  UNION ALL SELECT area_id, local_day, 'pm25_24h', 1000000, pm25, pm25_n FROM sums
  UNION ALL SELECT area_id, local_day, 'o3_8h', 1000000, o3_8h, o3_8h_n FROM sums
  -- the 2012 edition's day takes ozone's highest hour too
  UNION ALL SELECT area_id, local_day, 'o3_1h', 1000000, o3_1h, o3_1h_n FROM sums WHERE local_day < CAST('2026-03-01' AS DATE)
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
indexed AS (
  SELECT
    r.area_id, r.local_day, r.item, r.c,
    -- rounded up
    CASE WHEN r.c = 0 THEN 0 ELSE s.i_lo + ((s.i_hi - s.i_lo) * (r.c - s.bp_lo) + (s.bp_hi - s.bp_lo) - 1) // (s.bp_hi - s.bp_lo) END AS iaqi
  FROM rounded AS r
  LEFT JOIN hj633 AS s ON s.item = r.item AND r.c > s.bp_lo AND r.c <= s.bp_hi AND r.local_day >= s.since AND r.local_day < s.until
),
days AS (
  SELECT
    area_id, local_day, max(iaqi) AS worst, count(DISTINCT CASE WHEN item <> 'o3_1h' THEN item END) AS items_n,
    max(CASE WHEN item = 'so2_24h' THEN iaqi END) AS iaqi_so2, max(CASE WHEN item = 'no2_24h' THEN iaqi END) AS iaqi_no2,
    max(CASE WHEN item = 'co_24h' THEN iaqi END) AS iaqi_co, max(CASE WHEN item IN ('o3_8h', 'o3_1h') THEN iaqi END) AS iaqi_o3,
    max(CASE WHEN item = 'pm10_24h' THEN iaqi END) AS iaqi_pm10, max(CASE WHEN item = 'pm25_24h' THEN iaqi END) AS iaqi_pm25,
    max(CASE WHEN item = 'o3_8h' THEN c END) AS o3_8h
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
  -- with an item missing there is an index only where it is above 100 all the same
  CASE WHEN d.items_n = 6 OR d.worst > 100 THEN greatest(d.worst, 1) END AS aqi,
  d.iaqi_so2, d.iaqi_no2, d.iaqi_co, d.iaqi_o3, d.iaqi_pm10, d.iaqi_pm25, d.o3_8h
FROM counted AS c
LEFT JOIN days AS d ON d.area_id = c.area_id AND d.local_day = c.local_day
