-- Spaces as the record says, else as the register says.
SELECT
  r.locality_id, r.local_day, r.event_at_utc, r.utc_offset_s, r.is_simulated, r.known_from_utc,
  r.free_spaces, coalesce(r.capacity, s.capacity) AS spaces
FROM records AS r
LEFT JOIN register AS s ON s.site_id = r.site_id
WHERE coalesce(r.capacity, s.capacity) >= r.free_spaces
