"""Which office handles what: spelled as the city's own plan spells it."""

from __future__ import annotations

from data_pipeline.cities import Pack

# duty → how plans spell the office, without the sign of its level (市, 区); the first one is used where the plan names none
_SPELLINGS: dict[str, tuple[str, ...]] = {
    "weather": ("气象局",),
    "police": ("公安局",),
    "power": ("供电公司", "电力局"),
    "network": ("经信局", "经济和信息化局", "经济信息委"),
    "fire": ("消防救援支队",),
    "culture": ("文旅局", "文广旅局", "文广旅游局"),
    "streets": ("城管委", "城市管理局", "综合执法局"),
    "environment": ("生态环境局",),
    "housing": ("住建局", "住房城乡建设局", "住房城乡建委", "建设局"),
    "labour": ("人社局", "人力社保局"),
    "market": ("市场监管局",),
    "transport": ("交通运输局", "交通局"),
    "education": ("教育局", "教委"),
    "approval": ("行政审批局", "政务服务管理局", "政务服务办", "行政服务中心"),
}
_LEVELS = ("市", "区", "县")


def offices(pack: Pack) -> dict[str, str]:
    """Duty → office in charge, as `plan/departments.csv` of the pack prints it (市经信局, 区经济信息委).

    Companies carry the city's name (国网眉山供电公司). A duty for which the plan names no office gets the common name
    without the sign of a level, so that nobody takes it for the plan's.
    """
    before = (*_LEVELS, pack.short_zh, f"国网{pack.short_zh}")
    named = {row["dept_zh"] for row in pack.plan("departments")}
    return {
        duty: next((b + s for s in spellings for b in before if b + s in named), spellings[0])
        for duty, spellings in _SPELLINGS.items()
    }
