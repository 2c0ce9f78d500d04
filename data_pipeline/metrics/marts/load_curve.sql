-- Load of an area at each moment, only where as many substations reported as at the day's fullest moment:
-- a missing substation would look like a valley.
SELECT area_id, local_day, event_at_utc, utc_offset_s, is_simulated, known_from_utc, load_mw, interval_s, records_n
FROM (
  SELECT m.*, max(m.records_n) OVER (PARTITION BY m.area_id, m.local_day) AS fullest_n
  FROM (
    SELECT
      area_id, local_day, event_at_utc, max(utc_offset_s) AS utc_offset_s, max(CASE WHEN is_simulated THEN 1 ELSE 0 END) = 1 AS is_simulated,
      max(known_from_utc) AS known_from_utc, sum(load_mw) AS load_mw, max(interval_s) AS interval_s, count(*) AS records_n
    FROM records
    WHERE load_mw IS NOT NULL
    GROUP BY area_id, local_day, event_at_utc
  ) AS m
) AS complete
WHERE records_n = fullest_n
