-- Water level of each gauge beside its registered stages.
SELECT
  r.area_id, r.site_id, r.local_day, r.event_at_utc, r.utc_offset_s, r.is_simulated, r.known_from_utc,
  r.level_m, s.warning_level_m, s.guaranteed_level_m
FROM records AS r
JOIN register AS s ON s.site_id = r.site_id
WHERE r.level_m IS NOT NULL
