-- Mean rain over the gauges of an area, hour by hour. A gauge that reports several times an hour is added up first.
SELECT
  area_id, local_day, min(event_at_utc) AS event_at_utc, max(utc_offset_s) AS utc_offset_s,
  max(CASE WHEN is_simulated THEN 1 ELSE 0 END) = 1 AS is_simulated, max(known_from_utc) AS known_from_utc,
  avg(rain_mm) AS rain_mm, sum(records_n) AS records_n
FROM (
  SELECT
    area_id, local_day, site_id, CAST(floor((epoch(event_at_utc) + utc_offset_s) / 3600) AS BIGINT) AS hour_no,
    min(event_at_utc) AS event_at_utc, max(utc_offset_s) AS utc_offset_s,
    max(CASE WHEN is_simulated THEN 1 ELSE 0 END) = 1 AS is_simulated, max(known_from_utc) AS known_from_utc,
    sum(rain_mm) AS rain_mm, count(*) AS records_n
  FROM records
  WHERE rain_mm IS NOT NULL
  GROUP BY area_id, local_day, site_id, hour_no
) AS gauges
GROUP BY area_id, local_day, hour_no
