"""What the coverage model assumes: the strict reading of `assumptions.toml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from data_pipeline.declare import Declared, read_toml, validate
from geo.coverage.pathloss import Glass, Scenario

FILE = Path(__file__).with_name("assumptions.toml")


class TermsDecl(Declared):
    """Thresholds and conditions; units end the names, shares are 0–1."""

    technology: str
    rsrp_dbm: float
    sinr_db: float
    load_share: float = Field(ge=0, le=1)
    floor_dbm: float
    noise_figure_db: float
    user_height_m: float = Field(ge=1.5, lt=13)
    inside_m: float = Field(ge=0, le=25)
    glass: Glass
    grid_m: float = Field(ge=10, le=500)
    min_patch_km2: float = Field(gt=0)
    place_radius_m: float = Field(gt=0)
    place_share: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _floor_below_threshold(self) -> TermsDecl:
        if self.floor_dbm > self.rsrp_dbm - 6:
            raise ValueError(f"floor_dbm {self.floor_dbm} must lie at least 6 dB below rsrp_dbm {self.rsrp_dbm}")
        return self


class Surroundings(Declared):
    """Which scenario of TR 38.901 a station belongs to, and how high it is where the register does not say."""

    street_below_m: float
    urban_kinds: tuple[str, ...]
    height_m: dict[Scenario, float]

    @model_validator(mode="after")
    def _all_scenarios(self) -> Surroundings:
        missing = {"UMa", "UMi", "RMa"} - set(self.height_m)
        if missing:
            raise ValueError(f"height_m lacks {', '.join(sorted(missing))}")
        return self


class People(Declared):
    """How a census is spread over the ground. `density`: people per km² of a kind of township against others."""

    density: dict[str, float]
    seat_share: float = Field(ge=0, le=1)
    seat_scale_m: float = Field(gt=0)


class Radio(Declared):
    """What a carrier sends: its resource blocks, subcarrier spacing, power and antenna gain."""

    resource_blocks: int = Field(gt=0)
    spacing_khz: Literal[15, 30, 60, 120]
    tx_w: float = Field(gt=0)
    gain_dbi: float


class Carrier(Radio):
    """One operator's carrier on a band."""

    id: str
    operators: tuple[str, ...]
    band: str
    centre_mhz: float = Field(gt=0)


class OtherCarriers(Declared):
    """Carriers of operators and bands that are not listed."""

    bands: dict[str, float]
    band: str
    wide_from_mhz: float
    wide: Radio
    narrow: Radio

    @model_validator(mode="after")
    def _known_band(self) -> OtherCarriers:
        if self.band not in self.bands:
            raise ValueError(f"band {self.band!r} is not among bands: {', '.join(self.bands)}")
        return self


class Sentence(Declared):
    """One assumption in words."""

    zh: str
    en: str


class Assumptions(Declared):
    """All of `assumptions.toml`."""

    terms: TermsDecl
    surroundings: Surroundings
    people: People
    carrier: tuple[Carrier, ...]
    other: OtherCarriers
    says: tuple[Sentence, ...]

    def carrier_of(self, operator: str, band: str) -> Carrier:
        """The carrier of a station; one of the operator's own where operator or band is not listed."""
        for carrier in self.carrier:
            if carrier.band == band and any(name in operator for name in carrier.operators):
                return carrier
        known = band if band in self.other.bands else self.other.band
        mhz = self.other.bands[known]
        radio = self.other.wide if mhz >= self.other.wide_from_mhz else self.other.narrow
        return Carrier(id=f"{operator or 'unknown'}/{known}", operators=(operator,), band=known, centre_mhz=mhz, **radio.model_dump())


@cache
def assumptions() -> Assumptions:
    """The product's assumptions; `DeclarationError` lists everything wrong with the file."""
    return validate(Assumptions, read_toml(FILE), FILE.name)
