"""City packs: a city is data. One folder a city holds its areas, layers, plan facts and sources."""

from data_pipeline.cities.load import built_in_packs, find_area, find_pack, load_packs, pack_folders
from data_pipeline.cities.locate import Located, Locator, Place
from data_pipeline.cities.model import Area, LayerDecl, SourceDecl
from data_pipeline.cities.pack import Pack, load_pack

__all__ = [
    "Area", "LayerDecl", "Located", "Locator", "Pack", "Place", "SourceDecl",
    "built_in_packs", "find_area", "find_pack", "load_pack", "load_packs", "pack_folders",
]  # fmt: skip
