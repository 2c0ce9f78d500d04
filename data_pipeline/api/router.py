"""`/api/v1`: the addresses other programs use. Reads through `Queries`, writes nothing but deliveries."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from data_pipeline.api import models as m
from data_pipeline.api import parameters as p
from data_pipeline.api.answers import (
    MEDIA,
    answer_once,
    make_tag,
    plain,
    provenance_body,
    readings_answer,
    shaped,
    site_feature,
    to_json,
    unusual_body,
)
from data_pipeline.api.docs import docs_page, docs_style
from data_pipeline.api.errors import ApiRoute, BadParameter, refusal
from data_pipeline.api.ledger import add_ledger
from data_pipeline.api.reports import add_reports
from data_pipeline.api.uploads import add_uploads
from data_pipeline.cities import Area, Pack, find_area, find_pack
from data_pipeline.contracts import contract
from data_pipeline.errors import did_you_mean
from data_pipeline.home import Home
from data_pipeline.ledger.brief_jobs import Maker
from data_pipeline.metrics import Metric, metric, metrics
from data_pipeline.queries import Queries, rows_for_output
from data_pipeline.store.lock import holder
from data_pipeline.times import now_utc, period_start

VERSION = "1"
PREFIX = "/api/v1"
TITLE = "城市大脑 API · City brain API"
ABOUT = (
    "份额为 0–1，null 表示没有数据（从不写作 0）；时间为带时差的 ISO 8601。"
    " · Shares are 0–1, null is no data and never 0; times are ISO 8601 with offset."
)


def make_router(queries: Queries, home: Home | None = None, make_brief: Maker | None = None) -> APIRouter:
    """The API as a router, to be included before any catch-all route.

    Parameters
    ----------
    queries : Queries
        The only door to the data.
    home : Home, optional
        Home folder whose inbox takes uploads; the one `queries` was opened on where not given.
    make_brief : callable, optional
        Makes briefings (`pages.plan.briefing.maker`); without one their addresses answer 503.

    Returns
    -------
    APIRouter
        `/api/v1/…`, `/api/docs`, `/api/openapi.json`; other addresses below `/api/` are a JSON 404.
    """
    place = home or queries.home
    router = APIRouter(route_class=ApiRoute)
    refusals: dict[int | str, dict[str, Any]] = {
        400: {"model": m.Error, "description": "参数有误 · wrong parameter"},
        404: {"model": m.Error, "description": "没有这个编号 · unknown id"},
    }

    def get(path: str, model: Any, summary: str, **more: Any) -> Callable[[Callable], Callable]:
        responses = {200: {"model": model}, 304: {"description": "未变 · not modified"}, **refusals, **more.pop("responses", {})}
        return router.get(f"{PREFIX}{path}", summary=summary, responses=responses, response_class=Response, **more)

    def once(request: Request, build: Callable[[], Response], *, by_minute: bool = False) -> Response:
        minute = int(now_utc().timestamp() // 60) if by_minute else None
        tag = make_tag(queries.snapshot(), request, _definitions(tuple(queries.cities())), minute)
        return answer_once(request, tag, build)

    def pack_of(city: str) -> Pack:
        return find_pack({pack.id: pack for pack in queries.cities()}, city)

    def place_of(area: str) -> tuple[Pack, Area]:
        return find_area({pack.id: pack for pack in queries.cities()}, area)

    @get("/health", m.Health, "运行状况 · Health")
    def health(request: Request) -> Response:
        """是否有数据、快照、各城市数据源是否按时 · Whether there are data, and how the sources stand."""

        snapshot, writer = queries.snapshot(), holder(place)
        response = to_json(
            {
                "status": "ok" if snapshot else "empty",
                "snapshot": snapshot.id if snapshot else None,
                "snapshot_at": f"{snapshot.at_utc.isoformat()}+00:00" if snapshot else None,
                "now": f"{now_utc().isoformat(timespec='seconds')}+00:00",
                "pipeline": "running" if writer and writer.answers_inbox else "stopped",
                "cities": [_city_health(queries, pack) for pack in queries.cities()],
            }
        )
        response.headers["cache-control"] = "no-store"
        return response

    @get("/cities", list[m.City], "城市 · Cities")
    def cities(request: Request) -> Response:
        """所有城市 · All cities."""
        return once(request, lambda: to_json([_city(queries, pack) for pack in queries.cities()]))

    @get("/areas", list[m.AreaOut], "区域 · Areas of a city")
    def areas(request: Request, city: p.CityParam) -> Response:
        """全市、区县、功能区、乡镇街道 · City, districts, functional zones, townships."""
        pack = pack_of(city)
        return once(request, lambda: to_json([_area(pack, area) for area in pack.areas.values()]))

    @get("/search", list[m.SearchHit], "搜索 · Search")
    def search(
        request: Request,
        city: p.CityParam,
        q: Annotated[str, Query(description="汉字、拼音、首字母、英文或编号 · Chinese, pinyin, initials, English or id", examples=["ecq"])],
        limit: Annotated[int, Query(ge=1, le=50, description="每类最多条数 · at most so many of each kind")] = 8,
    ) -> Response:
        """区域、指标、规划目标、点位，每类最合适的在前 · Areas, metrics, targets, sites; of each kind the best first."""
        pack = pack_of(city)
        return once(request, lambda: to_json([shaped(m.SearchHit, hit, pack.tz) for hit in queries.search(pack.id, q, limit)]))

    @get("/metrics", list[m.MetricOut], "指标 · Metrics")
    def all_metrics(
        request: Request,
        city: Annotated[str | None, Query(description="只列该市有数据源的指标 · only those this city has a source for")] = None,
    ) -> Response:
        """指标的含义、公式与标准 · What every figure says, its formula and standard."""
        pack = None if city is None else pack_of(city)
        return once(
            request,
            lambda: to_json([_metric(found) for found in (queries.metrics_for(pack.id) if pack else metrics().values())]),
        )

    @get(
        "/readings",
        list[m.ReadingOut],
        "读数 · Readings",
        responses={200: {"model": list[m.ReadingOut], "content": {MEDIA["csv"]: {}, MEDIA["parquet"]: {}}}},
    )
    def readings(
        request: Request,
        metric_id: p.MetricParam,
        area: p.AreaParam,
        grain: p.GrainParam,
        start: p.FromParam,
        to: p.ToParam,
        as_of: p.AsOfParam = None,
        format: p.FormatParam = "json",
    ) -> Response:
        """每个时段一条，无数据的时段 value 为 null · One for every period; value is null where there are no data."""
        measure = metric(metric_id)
        pack, found = place_of(area)
        start_utc, end_utc = p.read_time(start, pack, "from"), p.read_time(to, pack, "to")
        p.check_grain(grain, measure)
        p.check_span(start_utc, end_utc, grain, pack, measure)
        known = None if as_of is None else p.read_time(as_of, pack, "as_of")

        def build() -> Response:
            answered = queries.readings(measure.id, found.id, grain, start_utc, end_utc, known)
            rows = rows_for_output(answered, pack, measure, queries.snapshot())
            return readings_answer(rows, format, pack, f"{measure.id}_{found.id.replace(':', '_')}_{grain}")

        return once(request, build, by_minute=True)

    @get("/sites", m.SiteCollection, "点位 · Sites (GeoJSON)")
    def sites(request: Request, city: p.CityParam, dataset: p.DatasetParam = None, bbox: p.BboxParam = None) -> Response:
        """基站、充电站、路段、传感终端等 · Base stations, charging stations, road sections, terminals and others."""
        pack, box = pack_of(city), p.read_bbox(bbox)
        if dataset is not None:
            contract(dataset)

        def build() -> Response:
            found = queries.sites(pack.id, dataset, box)
            if len(found) > p.MAX_SITES:
                raise BadParameter(
                    "bbox",
                    f"{len(found)} sites asked for, at most {p.MAX_SITES} are answered at once",
                    hint="narrow with dataset= or a smaller bbox=",
                )
            features = [site_feature(site, pack.tz) for site in found]
            response = to_json({"type": "FeatureCollection", "features": features})
            response.headers["content-type"] = "application/geo+json"
            return response

        return once(request, build)

    @get("/targets", list[m.TargetOut], "目标 · Targets of the plans")
    def targets(request: Request, city: p.CityParam) -> Response:
        """方案中的量化目标，照原文 · What the plans promise, as printed."""
        pack = pack_of(city)
        return once(request, lambda: to_json([shaped(m.TargetOut, one, pack.tz) for one in queries.targets(pack.id)]))

    @get("/events", list[m.EventOut], "事件与告警 · Events and alerts")
    def events(
        request: Request,
        city: p.CityParam,
        area: Annotated[str | None, Query(description="只列该区域 · only this area")] = None,
        include_closed: Annotated[bool, Query(description="含已关闭 · closed ones too")] = True,
        limit: p.LimitParam = 50,
    ) -> Response:
        """最近的在前 · Newest first."""
        pack = pack_of(city)
        inside = None if area is None else pack.area(area).id

        def build() -> Response:
            found = queries.events(pack.id, inside, include_closed, limit)
            return to_json([shaped(m.EventOut, one, pack.tz) for one in found])

        return once(request, build, by_minute=True)

    @get("/deliveries", list[m.DeliveryOut], "批次 · Deliveries")
    def deliveries(
        request: Request,
        city: p.CityParam,
        dataset: p.DatasetParam = None,
        limit: p.LimitParam = 50,
        offset: p.OffsetParam = 0,
    ) -> Response:
        """收到的文件及行数账目，最近的在前 · Files received and their account, newest first."""
        pack = pack_of(city)
        if dataset is not None:
            contract(dataset)

        def build() -> Response:
            found = queries.deliveries(pack.id, dataset, limit, offset)
            return to_json([shaped(m.DeliveryOut, one, pack.tz) for one in found])

        return once(request, build)

    @get("/unusual", m.UnusualOut, "统计异常 · What is unusual")
    def unusual(request: Request, city: p.CityParam) -> Response:
        """偶然波动难以解释的读数，误报率受控 · Readings chance hardly explains, false alarms kept in check."""
        pack = pack_of(city)
        return once(request, lambda: to_json(unusual_body(queries.unusual(pack.id), pack, queries.snapshot())), by_minute=True)

    @get("/provenance", m.ProvenanceOut, "来历 · Provenance of a reading")
    def provenance(
        request: Request,
        metric_id: p.MetricParam,
        area: p.AreaParam,
        grain: p.GrainParam,
        period: p.PeriodParam,
        as_of: p.AsOfParam = None,
    ) -> Response:
        """定义、公式、时段、文件与记录 · Definition, formula, period, files and records."""
        measure = metric(metric_id)
        pack, found = place_of(area)
        moment = p.read_time(period, pack, "period")
        p.check_grain(grain, measure)
        start_utc = period_start(moment, grain, pack.tz)
        known = None if as_of is None else p.read_time(as_of, pack, "as_of")

        def build() -> Response:
            return to_json(provenance_body(queries.provenance(measure.id, found.id, grain, start_utc, known), pack, measure))

        return once(request, build, by_minute=True)

    add_uploads(router, f"{PREFIX}/deliveries", queries, place)
    add_reports(router, f"{PREFIX}/reports", queries, place)
    add_ledger(router, f"{PREFIX}/ledger", queries, place, make_brief)
    _add_description(router)
    return router


def _add_description(router: APIRouter) -> None:
    """`/api/docs`, `/api/openapi.json`, and a JSON 404 for every other address below `/api`."""
    documented = list(router.routes)

    @cache
    def description() -> dict[str, Any]:
        return get_openapi(title=TITLE, version=VERSION, description=ABOUT, routes=documented)

    @router.get("/api/openapi.json", include_in_schema=False)
    def openapi() -> Response:
        return to_json(description())

    @router.get("/api/docs", include_in_schema=False)
    def docs() -> Response:
        return docs_page(description())

    @router.get("/api/docs.css", include_in_schema=False)
    def style() -> Response:
        return docs_style()

    paths = sorted({route.path for route in documented} | {"/api/docs", "/api/openapi.json"})  # type: ignore[attr-defined]

    async def unknown(request: Request) -> Response:
        path = request.scope["path"]
        if path in paths:
            return refusal(405, f"{path} does not take {request.method}", hint="see /api/docs")
        return refusal(404, f"no such address: {path}", hint="see /api/docs", near=did_you_mean(path, paths))

    # a plain route: any parameter may come along, and every method gets the same answer
    router.add_route("/api/{rest:path}", unknown, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)


@cache
def _definitions(packs: tuple[Pack, ...]) -> str:
    """Digest of what metrics and packs declare."""
    text = repr((metrics(), [(pack.id, pack.declared, pack.areas) for pack in packs]))
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _city_health(queries: Queries, pack: Pack) -> dict[str, Any]:
    sources = queries.sources(pack.id)
    count = Counter(source.status for source in sources)
    newest = max((source.last_event_utc for source in sources if source.last_event_utc), default=None)
    return {
        "city": pack.id,
        "has_data": queries.has_data(pack.id),
        "data_as_of": plain(newest, pack.tz),
        "sources": {name: count[name] for name in ("ok", "late", "never", "off")},
    }


def _city(queries: Queries, pack: Pack) -> dict[str, Any]:
    return {
        "city": pack.id,
        "name_zh": pack.name_zh,
        "name_en": pack.name_en,
        "timezone": pack.timezone,
        "bbox": list(pack.bbox),
        "area": pack.city_area.id,
        "has_data": queries.has_data(pack.id),
        "sources": dict(Counter(source.state for source in pack.sources.values())),
    }


def _area(pack: Pack, area: Area) -> dict[str, Any]:
    return {
        "area": area.id,
        "city": pack.id,
        "name_zh": area.name_zh,
        "name_en": area.name_en,
        "level": area.level,
        "parent": area.parent,
        "codes": list(area.codes),
        "approximate": area.approximate,
        "population": area.population,
        "population_date": area.population_date,
        "area_km2": area.area_km2,
        "centroid": area.centroid,
        "composed_of": list(area.composed_of),
    }


def _metric(measure: Metric) -> dict[str, Any]:
    same = set(m.MetricOut.model_fields) - {"metric", "grains", "thresholds"}
    return {
        "metric": measure.id,
        **measure.model_dump(include=same),
        "grains": list(measure.grains),
        "thresholds": [threshold.model_dump() for threshold in measure.thresholds],
    }
