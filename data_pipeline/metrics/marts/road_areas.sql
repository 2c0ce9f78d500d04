-- One row a record of a road section and area it counts in: hours at the measured speed and at free flow.
-- weight: vehicles counted in the interval; one where no flow is counted.
SELECT
  r.area_id, r.local_day, r.event_at_utc, r.utc_offset_s, r.is_simulated, r.known_from_utc,
  coalesce(r.flow_veh, 1) AS weight,
  s.length_km / r.speed_kmh AS travel_h,
  s.length_km / s.free_speed_kmh AS free_h
FROM records AS r
JOIN register AS s ON s.site_id = r.site_id
WHERE r.speed_kmh IS NOT NULL AND s.length_km IS NOT NULL AND s.free_speed_kmh IS NOT NULL
