"""A replacement for `dataclasses.dataclass`, for classes with slots, that is cheap to import.

`dataclasses` imports `inspect` and compiles six methods for every class: 1 ms each, half the time of a
`costmeter check` that loads a hundred classes. Here only `__init__` is compiled, when a class is first
called; the other methods are closures. `dataclasses.fields`, `asdict`, `replace` and `is_dataclass` accept
these classes; type checkers see the standard library's functions.
"""

# ruff: noqa: N807 (methods are defined here for classes made elsewhere)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
else:
    from operator import attrgetter

    class MISSING:
        """Marks a field without a default."""

    class Field:
        """One field of a class, with the attributes of `dataclasses.Field`."""

        __slots__ = (
            "compare",
            "default",
            "default_factory",
            "hash",
            "init",
            "metadata",
            "name",
            "repr",
            "type",
        )

    def field(
        *,
        default=MISSING,
        default_factory=MISSING,
        init=True,
        repr=True,
        compare=True,
        hash=None,
        metadata=None,
    ):
        """As `dataclasses.field`."""
        made = Field()
        made.name, made.type, made.default, made.default_factory = None, None, default, default_factory
        made.metadata = metadata or {}
        made.init, made.repr, made.compare, made.hash = init, repr, compare, compare if hash is None else hash
        return made

    def fields(value):
        """As `dataclasses.fields`."""
        return tuple(value.__fields_by_name__.values())

    def asdict(value):
        """Calls `dataclasses.asdict`."""
        import dataclasses

        return dataclasses.asdict(value)

    def replace(value, /, **changes):
        """As `dataclasses.replace`."""
        for name, each in value.__fields_by_name__.items():
            if each.init and name not in changes:
                changes[name] = getattr(value, name)
        return value.__class__(**changes)

    def dataclass(*, slots, frozen=False, order=False, repr=True):
        """As `dataclasses.dataclass`, but `slots=True` is required: TypeError without it."""
        if not slots:
            raise TypeError("a class without slots needs the dataclass of the standard library")

        def with_methods(cls):
            own = dict(_own_fields(cls))
            known = getattr(cls, "__fields_by_name__", {}) | own
            body = {name: value for name, value in cls.__dict__.items() if name not in own}
            for name in ("__dict__", "__weakref__"):
                body.pop(name, None)
            made = type(cls)(
                cls.__name__,
                cls.__bases__,
                _methods(known, frozen, order, repr)
                | body
                | {
                    "__slots__": tuple(own),
                    "__qualname__": cls.__qualname__,
                    "__fields_by_name__": known,
                    "__is_frozen__": frozen,
                },
            )
            if "__init__" not in body:
                made.__init__ = _unwritten_init(made)
            return made

        return with_methods

    def _own_fields(cls):
        for name, type_ in cls.__annotations__.items():
            if "ClassVar" in str(type_):
                continue
            given = cls.__dict__.get(name, MISSING)
            each = given if isinstance(given, Field) else field(default=given)
            if each.default.__class__.__hash__ is None:
                raise ValueError(f"mutable default {each.default!r} of field {name}: use default_factory")
            each.name, each.type = name, type_
            yield name, each

    def _unwritten_init(cls):
        def __init__(self, *args, **kwargs):
            cls.__init__ = _written_init(cls)
            cls.__init__(self, *args, **kwargs)

        return __init__

    def _written_init(cls):
        names, parameters, lines = {"MISSING": MISSING}, [], []
        for name, each in cls.__fields_by_name__.items():
            has_factory = each.default_factory is not MISSING
            names |= {f"set_{name}": getattr(cls, name).__set__, f"new_{name}": each.default_factory}
            names[f"default_{name}"] = each.default
            if each.init:
                has_default = has_factory or each.default is not MISSING
                parameters.append(f"{name}=default_{name}" if has_default else name)
                value = f"new_{name}() if {name} is MISSING else {name}" if has_factory else name
            elif has_factory or each.default is not MISSING:
                value = f"new_{name}()" if has_factory else f"default_{name}"
            else:
                continue
            lines.append(f"  set_{name}(self, {value})")
        if hasattr(cls, "__post_init__"):
            lines.append("  self.__post_init__()")
        text = f"def __init__({', '.join(['self', *parameters])}):\n" + "\n".join(lines or ["  pass"])
        # Compiled: after exec of a text, in any thread, Python does not end by the signal of a KeyboardInterrupt.
        exec(compile(text, "<__init__>", "exec"), names)
        names["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
        return names["__init__"]

    def _methods(known, is_frozen, is_ordered, has_repr):
        """Default methods, used unless the class defines them."""
        compared = _reading([name for name, each in known.items() if each.compare])
        hashed = _reading([name for name, each in known.items() if each.hash])
        shown = [name for name, each in known.items() if each.repr]

        def __eq__(self, other):
            return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

        def __lt__(self, other):
            return compared(self) < compared(other) if other.__class__ is self.__class__ else NotImplemented

        def __hash__(self):
            return hash(hashed(self))

        def __repr__(self):
            values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
            return f"{self.__class__.__qualname__}({values})"

        methods = {"__eq__": __eq__, "__hash__": __hash__ if is_frozen else None}
        methods |= {"__repr__": __repr__} if has_repr else {}
        methods |= {"__lt__": __lt__} if is_ordered else {}
        methods |= {"__setattr__": _rejected, "__delattr__": _rejected} if is_frozen else {}
        return methods | {
            "__match_args__": tuple(name for name, each in known.items() if each.init),
            "__getstate__": _getstate,
            "__setstate__": _setstate,
            "__dataclass_fields__": _Standard("__dataclass_fields__"),
            "__dataclass_params__": _Standard("__dataclass_params__"),
        }

    def _reading(names):
        """A function that returns these fields of a value as a tuple."""
        if len(names) > 1:
            return attrgetter(*names)
        return lambda value: tuple(getattr(value, name) for name in names)

    def _rejected(self, name, value=None):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to or delete field {name!r}")

    def _getstate(self):
        return [getattr(self, name) for name in self.__fields_by_name__]

    def _setstate(self, state):
        for name, value in zip(self.__fields_by_name__, state, strict=True):
            object.__setattr__(self, name, value)

    class _Standard:
        """An attribute that `dataclasses` looks up in a class, created with `dataclasses` on first access."""

        def __init__(self, name):
            self.name = name

        def __get__(self, value, owner):
            import dataclasses

            named = []
            for each in fields(owner):
                given = {key: getattr(each, key) for key in ("init", "repr", "compare", "hash", "metadata")}
                defaults = {key: getattr(each, key) for key in ("default", "default_factory")}
                given |= {key: default for key, default in defaults.items() if default is not MISSING}
                named.append((each.name, each.type, dataclasses.field(**given)))
            twin = dataclasses.make_dataclass(owner.__name__, named, frozen=owner.__is_frozen__)
            return getattr(twin, self.name)


K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V]):
    """A cache in a field of a value, within one process: it is empty after pickling or copying."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Memo, ()


__all__ = ["MISSING", "Field", "Memo", "asdict", "dataclass", "field", "fields", "replace"]
