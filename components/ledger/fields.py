"""A field whose value is part of the address: a list to choose from, or a date. `assets/ledger.js` draws it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from dash.development.base_component import Component


class AddressField(Component):
    """A labelled field; changing it opens the same page with `param` set to the new value.

    Parameters
    ----------
    param, value, label : str
        Parameter of the address, its present value ("" for none), the words beside the field.
    options : list of [value, words], optional
        What may be chosen; the first is usually ["", "all"]. Without options the field is a date.
    min, max : str, optional
        First and last ISO date allowed.
    active : bool
        The value narrows what the page shows: the field is set off.
    """

    _children_props: list[str] = []
    _base_nodes = ["children"]
    _namespace = "city_brain"
    _type = "AddressField"

    def __init__(
        self,
        param: str | None = None,
        value: str | None = None,
        label: str | None = None,
        options: Sequence[tuple[str, str]] | None = None,
        min: str | None = None,
        max: str | None = None,
        active: bool | None = None,
        id: str | None = None,
    ) -> None:
        self._prop_names = ["id", "param", "value", "label", "options", "min", "max", "active"]
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        given = {
            "id": id, "param": param, "value": value, "label": label, "min": min, "max": max, "active": active,
            "options": None if options is None else [list(o) for o in options],
        }  # fmt: skip
        # not through Component.__init__: for each property it would try to import the namespace as a package
        for name, found in given.items():
            if found is not None:
                setattr(self, name, found)


def choose(param: str, value: str, label: str, options: Sequence[tuple[str, str]], everything: str) -> AddressField:
    """A list with `everything` ("all departments") as its first, empty choice."""
    return AddressField(param=param, value=value, label=label, options=[("", everything), *options], active=bool(value))


def day(param: str, value: date, label: str, first: date, last: date) -> AddressField:
    """A calendar day between `first` and `last`."""
    return AddressField(param=param, value=value.isoformat(), label=label, min=first.isoformat(), max=last.isoformat(),
                        active=value != last)  # fmt: skip
