-- Leq of each point and local day, by day (6 to 22 h) and by night (the other eight hours of the same calendar day): the mean of
-- the energies, not of the decibels. A day needs 12 of its 16 hours, a night 6 of its 8. Limits by the registered functional area.
WITH hours AS (
  SELECT
    area_id, site_id, local_day, event_at_utc, utc_offset_s, is_simulated, known_from_utc, power(10, leq_db / 10.0) AS energy,
    CAST(floor((epoch(event_at_utc) + utc_offset_s) / 3600) AS BIGINT) % 24 AS hour_no
  FROM records WHERE leq_db IS NOT NULL
),
points AS (
  SELECT
    area_id, site_id, local_day, min(event_at_utc) AS event_at_utc, max(utc_offset_s) AS utc_offset_s,
    max(CASE WHEN is_simulated THEN 1 ELSE 0 END) = 1 AS is_simulated, max(known_from_utc) AS known_from_utc, count(*) AS records_n,
    CASE WHEN count(CASE WHEN hour_no BETWEEN 6 AND 21 THEN 1 END) >= 12
      THEN 10 * log10(avg(CASE WHEN hour_no BETWEEN 6 AND 21 THEN energy END)) END AS day_leq,
    CASE WHEN count(CASE WHEN hour_no NOT BETWEEN 6 AND 21 THEN 1 END) >= 6
      THEN 10 * log10(avg(CASE WHEN hour_no NOT BETWEEN 6 AND 21 THEN energy END)) END AS night_leq
  FROM hours GROUP BY area_id, site_id, local_day
)
SELECT
  p.area_id, p.site_id, p.local_day, p.event_at_utc, p.utc_offset_s, p.is_simulated, p.known_from_utc, p.records_n, p.day_leq, p.night_leq,
  CASE WHEN p.day_leq IS NOT NULL AND p.night_leq IS NOT NULL
    THEN 10 * log10((16 * power(10, p.day_leq / 10.0) + 8 * power(10, (p.night_leq + 10) / 10.0)) / 24.0) END AS ldn,
  g.day_db, g.night_db, g.is_verified AS limit_verified
FROM points AS p
LEFT JOIN register AS s ON s.site_id = p.site_id
LEFT JOIN gb3096 AS g ON g.noise_area = s.noise_area
