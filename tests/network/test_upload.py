"""A file sent to the API while the pipeline runs: taken, accounted for, and on the map."""

from __future__ import annotations

import time

import httpx

from tests.built import CITY
from tests.network.conftest import Running

# inside 葛店开发区; the same row again; in Wuhan, some 40 km outside the city
ROWS = (
    "site_id,name,lon,lat,guns,fast_guns,rated_power_kw\n"
    "T-1,测试充电站,114.72,30.53,6,4,480\n"
    "T-1,测试充电站,114.72,30.53,6,4,480\n"
    "T-2,市外充电站,114.30,30.59,6,4,480\n"
)


def test_an_uploaded_file_is_committed_accounted_for_and_shown(running: Running) -> None:
    with httpx.Client(base_url=f"{running.url}", timeout=120, trust_env=False) as client:
        refused = client.post("/api/v1/deliveries", data={"city": CITY}, files={"file": ("x.csv", ROWS)})
        assert refused.status_code == 403 and "report" in refused.json()["error"]
        token = client.get("/login").text.split('name="csrf" value="')[1].split('"')[0]
        assert client.post("/login", data={"csrf": token, "role": "report"}).status_code == 303
        fields = {"city": CITY, "dataset": "charging_stations"}
        answer = client.post("/api/v1/deliveries", data=fields, files={"file": ("测试站.csv", ROWS)})
        assert answer.status_code == 201, answer.text
        receipt = answer.json()
        assert (receipt["rows_in"], receipt["accepted"], receipt["duplicates"], receipt["quarantined"]) == (3, 1, 1, 1)
        again = client.post("/api/v1/deliveries", data=fields, files={"file": ("测试站.csv", ROWS)})
        assert (again.status_code, again.json()["status"]) == (200, "duplicate_delivery")
        end = time.monotonic() + 20
        while time.monotonic() < end:  # the web follows the pipeline's commits
            listed = client.get("/api/v1/deliveries", params={"city": CITY, "dataset": "charging_stations"}).json()
            mine = [one for one in listed if one["delivery_id"] == receipt["delivery_id"]]
            if mine:
                break
            time.sleep(0.2)
        assert mine and mine[0]["filename"] == "测试站.csv" and mine[0]["operator"] == "report (未认证)"
        assert mine[0]["is_simulated"] is False
        box = {"city": CITY, "dataset": "charging_stations", "bbox": "114.7199,30.5299,114.7201,30.5301"}
        site = next(f for f in client.get("/api/v1/sites", params=box).json()["features"] if f["id"] == "T-1")
        assert site["properties"]["district_id"].startswith(CITY[:4]) and site["properties"]["is_simulated"] is False
