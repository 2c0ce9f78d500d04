-- Rain of each gauge and calendar day, and its largest twelve hours in a row that lie in the day. Added in whole thousandths of a
-- millimetre (sums of binary fractions would miss 50.0) and rounded once, at the end, to the tenths the grades are printed in.
WITH hours AS (
  SELECT
    area_id, site_id, local_day, CAST(floor((epoch(event_at_utc) + utc_offset_s) / 3600) AS BIGINT) AS hour_no,
    min(event_at_utc) AS event_at_utc, max(utc_offset_s) AS utc_offset_s, max(CASE WHEN is_simulated THEN 1 ELSE 0 END) AS simulated,
    max(known_from_utc) AS known_from_utc, count(*) AS records_n, CAST(sum(CAST(round(rain_mm * 1000) AS BIGINT)) AS BIGINT) AS um
  FROM records WHERE rain_mm IS NOT NULL
  GROUP BY area_id, site_id, local_day, hour_no
),
moving AS (
  SELECT
    h.*,
    sum(um) OVER (PARTITION BY area_id, site_id, local_day ORDER BY hour_no RANGE BETWEEN 11 PRECEDING AND CURRENT ROW) AS um_12h
  FROM hours AS h
)
SELECT
  area_id, site_id, local_day, min(event_at_utc) AS event_at_utc, max(utc_offset_s) AS utc_offset_s, max(simulated) = 1 AS is_simulated,
  max(known_from_utc) AS known_from_utc, sum(records_n) AS records_n, count(*) AS hours_n,
  (CAST(sum(um) AS BIGINT) + 50) // 100 / 10.0 AS day_mm, (CAST(max(um_12h) AS BIGINT) + 50) // 100 / 10.0 AS most_12h_mm
FROM moving GROUP BY area_id, site_id, local_day
