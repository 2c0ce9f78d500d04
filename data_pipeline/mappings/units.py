"""Units suppliers use → units of the contracts, as `value * factor + offset`."""

from __future__ import annotations

# to → from → (factor, offset). Exact by definition where it is one (inch, mile, foot, °F); NIST SP 811 otherwise.
CONVERSIONS: dict[str, dict[str, tuple[float, float]]] = {
    "km/h": {"mph": (1.609344, 0), "m/s": (3.6, 0), "kn": (1.852, 0)},
    "m/s": {"km/h": (1 / 3.6, 0), "mph": (0.44704, 0), "kn": (1852 / 3600, 0)},
    "degC": {"degF": (5 / 9, -160 / 9), "K": (1, -273.15)},
    "mm": {"inch": (25.4, 0), "cm": (10, 0), "m": (1000, 0)},
    "hPa": {"mmHg": (1.33322387415, 0), "inHg": (33.86389, 0), "kPa": (10, 0), "Pa": (0.01, 0), "mbar": (1, 0)},
    "m": {"ft": (0.3048, 0), "cm": (0.01, 0), "mm": (0.001, 0), "km": (1000, 0)},
    "km": {"m": (0.001, 0), "mile": (1.609344, 0)},
    "m3/s": {"ft3/s": (0.028316846592, 0), "L/s": (0.001, 0)},
    "kW": {"W": (0.001, 0), "MW": (1000, 0)},
    "MW": {"W": (1e-6, 0), "kW": (0.001, 0), "GW": (1000, 0)},
    "kWh": {"Wh": (0.001, 0), "MWh": (1000, 0)},
    "kV": {"V": (0.001, 0)},
    "MVA": {"kVA": (0.001, 0)},
    "mg/m3": {"ug/m3": (0.001, 0)},
    "ug/m3": {"mg/m3": (1000, 0)},
    "kbit/s": {"bit/s": (0.001, 0), "Mbit/s": (1000, 0), "Gbit/s": (1_000_000, 0)},
    "s": {"ms": (0.001, 0), "min": (60, 0), "h": (3600, 0)},
    "h": {"s": (1 / 3600, 0), "min": (1 / 60, 0)},
    "%": {"share": (100, 0)},
    "share": {"%": (0.01, 0)},
}


def conversion(given: str, wanted: str) -> tuple[float, float]:
    """Factor and offset from unit `given` to unit `wanted`; ValueError lists what can be converted.

    Rain and wind gauges report sums and means, so only the number changes, never its period.
    """
    if given == wanted:
        return 1.0, 0.0
    known = CONVERSIONS.get(wanted, {})
    if given not in known:
        can = ", ".join(known) or "nothing"
        raise ValueError(f"cannot convert {given!r} to {wanted!r}; to {wanted!r} can be converted: {can}")
    return known[given]
