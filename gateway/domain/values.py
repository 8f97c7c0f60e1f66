"""Frozen values that are made by the ten thousand a second. No I/O.

The `__init__` that `dataclass` writes for a frozen class goes through `object.__setattr__` for each field. Making values
was a quarter of the engine's time on a message; through the slots' own descriptors it takes less than half of that.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

Value = TypeVar("Value")


def quickly_made(cls: type[Value]) -> type[Value]:
    """Above `@dataclass(frozen=True, slots=True)`: the same values, made faster. Fields have plain defaults or none; for
    any other class a TypeError is raised."""
    names = {}
    parameters, body = [], []
    for field in fields(cls):  # type: ignore[arg-type]  # a dataclass, or the call raises the TypeError
        if field.default_factory is not MISSING or not field.init or field.kw_only:
            raise TypeError(f"{cls.__name__}.{field.name} has no plain default")
        names[f"_set_{field.name}"] = vars(cls)[field.name].__set__
        if field.default is not MISSING:
            names[f"_default_{field.name}"] = field.default
            parameters.append(f"{field.name}=_default_{field.name}")
        else:
            parameters.append(field.name)
        body.append(f"    _set_{field.name}(self, {field.name})")
    made: dict[str, Any] = {}
    exec("\n".join([f"def __init__(self, {', '.join(parameters)}):", *body]), names, made)
    written: Any = cls
    made["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    made["__init__"].__annotations__ = written.__init__.__annotations__
    written.__init__ = made["__init__"]
    return cls
