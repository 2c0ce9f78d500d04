"""A field whose value is part of the address: a list to choose from, or a date. `assets/ledger.js` draws it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from components.element import Element


class AddressField(Element):
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
        self._hold(
            id=id, param=param, value=value, label=label, min=min, max=max, active=active,
            options=None if options is None else [list(o) for o in options],
        )  # fmt: skip


def choose(param: str, value: str, label: str, options: Sequence[tuple[str, str]], everything: str) -> AddressField:
    """A list with `everything` ("all departments") as its first, empty choice."""
    return AddressField(param=param, value=value, label=label, options=[("", everything), *options], active=bool(value))


def day(param: str, value: date, label: str, first: date, last: date) -> AddressField:
    """A calendar day between `first` and `last`."""
    return AddressField(param=param, value=value.isoformat(), label=label, min=first.isoformat(), max=last.isoformat(),
                        active=value != last)  # fmt: skip
