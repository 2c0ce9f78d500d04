"""What React components of our own share: a script of `assets/` draws them, Python only holds their properties."""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component


class Element(Component):
    """A component in the scripts' namespace `city_brain`. Dash reads the names below from each class itself."""

    _children_props: list[str] = []
    _base_nodes = ["children"]
    _namespace = "city_brain"

    def _hold(self, **given: Any) -> None:
        """Keep the properties, those that are None without a value.

        Not through `Component.__init__`: for each property it would try to import the namespace as a package.
        """
        self._prop_names = list(given)
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        for name, value in given.items():
            if value is not None:
                setattr(self, name, value)
