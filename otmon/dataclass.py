"""The `dataclass` of the standard library, made in a third of the time.

The original writes and compiles up to eight functions for each class, which is most of
what imports take; a run makes 150 classes before it reads its first frame. Here one is
compiled, and the others are shared. A frozen one is not guarded while otmon runs: that
nobody changes it is what mypy says, to which this is the original.
"""

from __future__ import annotations

import dataclasses
import operator
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, **others: Any) -> Any:
        """A class that is made of its annotated fields, compares by them, and shows them."""

        def made(cls: type) -> type:
            if others:
                return dataclasses.dataclass(frozen=frozen, slots=slots, **others)(cls)
            own = set(vars(cls))
            new: Any = dataclasses.dataclass(slots=slots, eq=False, repr=False)(cls)
            fields = dataclasses.fields(new)
            new._compared = _getter([one.name for one in fields if one.compare])
            new._shown = tuple(one.name for one in fields if one.repr)
            if "__repr__" not in own:
                new.__repr__ = _repr
            if "__eq__" not in own:
                new.__eq__ = _eq
                if "__hash__" not in own:
                    new.__hash__ = _hash if frozen else None
            return new

        return made


def _getter(names: list[str]) -> Any:
    """What gives the values of fields, in a form that compares as they do."""
    return operator.attrgetter(*names) if names else _none


def _none(_one: object) -> tuple[()]:
    return ()


def _eq(one: Any, other: object) -> Any:
    if other.__class__ is not one.__class__:
        return NotImplemented
    kind: Any = type(one)  # of the class, where a function is no method
    compared = kind._compared
    return compared(one) == compared(other)


def _hash(one: Any) -> int:
    return hash((type(one)._compared(one),))


def _repr(one: Any) -> str:
    shown = ", ".join(f"{name}={getattr(one, name)!r}" for name in one._shown)
    return f"{type(one).__qualname__}({shown})"
