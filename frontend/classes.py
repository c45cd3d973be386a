"""Records of the user's module: what a class says about its fields and methods.

A record class is a dataclass or a NamedTuple.  Reflection only; nothing here knows about types.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import reprlib
from types import FunctionType
from typing import Any, NamedTuple

from ..ir.parts import fields_of

ABSENT = object()
# the files of methods that `dataclass` and `NamedTuple` write
GENERATED = ("<string>", dataclasses.__file__, reprlib.__file__)


class Given(NamedTuple):
    """A field as a constructor sees it."""

    name: str
    default: Any = ABSENT
    factory: Any = ABSENT
    keyword: bool = False  # given by keyword only
    init: bool = True


def is_custom(value: object) -> bool:
    """Whether a class holds a function with a derivative rule under a name: a method."""
    return hasattr(type(value), "__morula__") and hasattr(value, "__wrapped__")


def is_named_tuple(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_record(cls: Any) -> bool:
    return isinstance(cls, type) and fields_of(cls) is not None


def is_frozen(cls: type) -> bool:
    """Whether fields are never written."""
    return is_named_tuple(cls) or bool(cls.__dataclass_params__.frozen)  # type: ignore[attr-defined]


def field_names(cls: Any) -> tuple[str, ...]:
    found = fields_of(cls)
    assert found is not None, cls
    return found


def given(cls: Any) -> list[Given]:
    """The fields in order, with their defaults."""
    if is_named_tuple(cls):
        return [Given(n, cls._field_defaults.get(n, ABSENT)) for n in cls._fields]
    missing = dataclasses.MISSING
    return [
        Given(
            f.name,
            ABSENT if f.default is missing else f.default,
            ABSENT if f.default_factory is missing else f.default_factory,
            bool(f.kw_only),
            f.init,
        )
        for f in dataclasses.fields(cls)
    ]


def has_init_vars(cls: Any) -> bool:
    kinds = getattr(cls, "__dataclass_fields__", {}).values()
    return any(str(f._field_type) == "_FIELD_INITVAR" for f in kinds)


def attribute(cls: type, name: str) -> Any:
    """What a class or one of its bases holds under a name, unbound; ABSENT where nothing does."""
    return inspect.getattr_static(cls, name, ABSENT)


def written(cls: type, name: str) -> FunctionType | None:
    """A method that the user wrote; None where there is none, or a generated one."""
    found = attribute(cls, name)
    if isinstance(found, FunctionType) and found.__code__.co_filename not in GENERATED:
        return found
    return None


def is_generated(cls: type, name: str) -> bool:
    """Whether `dataclass` wrote this method."""
    found = attribute(cls, name)
    return isinstance(found, FunctionType) and found.__code__.co_filename in GENERATED


def is_enum(value: Any) -> bool:
    return isinstance(value, enum.Enum)


def members(record: Any) -> tuple[Any, ...]:
    """The values of the fields of a record."""
    return tuple([getattr(record, n) for n in field_names(type(record))])


def is_enum_class(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, enum.Enum)


def is_shown(cls: Any, name: str) -> bool:
    """Whether a field stands in the text of a record."""
    fields = getattr(cls, "__dataclass_fields__", None)
    return fields is None or bool(fields[name].repr)
