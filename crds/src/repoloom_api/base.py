"""The base of every API type, and rules: what holds across fields, in Python and in CEL side by side.

A rule looks at the document as written, not at parsed fields, so that one reading of a bad file reports every fault in
it: a misspelt field here, a bad number there, and the rule both would have broken.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, Strict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError

T = TypeVar("T")

Items = Annotated[tuple[T, ...], Strict(False)]
"""A list of YAML as an immutable tuple. Models are strict (`"1"` is no number), and strictly a list is no tuple."""

Lax = Annotated[T, Strict(False)]
"""A string of YAML as the enumeration it names."""

Path = tuple[str | int, ...]
Raw = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """A condition across fields of one block."""

    message: str
    cel: str
    """The condition, as the API server evaluates it: defaults filled in, `self` is the block."""
    faults: Callable[[Raw], Iterable[Path]]
    """Where in the written block it is broken; nothing if it holds or a field it needs is unusable."""


def only_one(*fields: str, required: bool = True) -> Rule:
    """Alternatives: exactly one of the optional blocks is set, or at most one."""
    quantity = "exactly" if required else "at most"

    def faults(raw: Raw) -> Iterator[Path]:
        chosen = sum(raw.get(field) is not None for field in fields)
        if chosen > 1 or (required and chosen == 0):
            yield ()

    count = " + ".join(f"(has(self.{field}) ? 1 : 0)" for field in fields)
    choice = f"{quantity} one of {', '.join(fields)}" if len(fields) > 1 else fields[0]
    return Rule(f"{choice} must be set", f"{count} {'==' if required else '<='} 1", faults)


def distinct(field: str) -> Rule:
    """A list of plain values without repetition."""

    def faults(raw: Raw) -> Iterator[Path]:
        values = raw.get(field)
        if isinstance(values, list):
            for position, value in enumerate(values):
                if value in values[:position]:
                    yield field, position

    return Rule(f"{field} must not repeat", f"self.{field}.all(x, self.{field}.exists_one(y, y == x))", faults)


def ordered(low: str, high: str) -> Rule:
    """Two bounds, of which neither, either or both may be set."""

    def faults(raw: Raw) -> Iterator[Path]:
        lowest, highest = raw.get(low), raw.get(high)
        if isinstance(lowest, int | float) and isinstance(highest, int | float) and lowest > highest:
            yield (low,)

    cel = f"!has(self.{low}) || !has(self.{high}) || self.{low} <= self.{high}"
    return Rule(f"{low} must not exceed {high}", cel, faults)


def named(raw: Any, field: str) -> list[str] | None:
    """Names in a list of named blocks; None if some are missing, so that no one is told of a fault's consequences."""
    items = raw.get(field) if isinstance(raw, dict) else None
    names = [item.get("name") if isinstance(item, dict) else None for item in items] if isinstance(items, list) else []
    known = [name for name in names if isinstance(name, str)]
    return known if known and len(known) == len(names) else None


def blocks(raw: Any, field: str) -> Iterator[tuple[int, Raw]]:
    """The blocks of a list that are blocks, each with its position."""
    items = raw.get(field) if isinstance(raw, dict) else None
    if isinstance(items, list):
        yield from ((position, item) for position, item in enumerate(items) if isinstance(item, dict))


def unknown_names(values: Any, known: list[str] | None) -> Iterator[int]:
    """Positions of strings that are none of the known names, if those are known."""
    if isinstance(values, list) and known is not None:
        yield from (position for position, name in enumerate(values) if isinstance(name, str) and name not in known)


class Model(BaseModel):
    """Base of every type in the API: camelCase on the wire, closed, immutable, documented from its docstrings."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        allow_inf_nan=False,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        strict=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """What holds across this block's fields."""

    keyed_by_name: ClassVar[tuple[str, ...]] = ()
    """List fields whose blocks have distinct names. In the CRD they are `x-kubernetes-list-type: map`."""

    keyed_by_type: ClassVar[tuple[str, ...]] = ()
    """The same by `type`, as conditions are."""

    @model_validator(mode="wrap")
    @classmethod
    def _every_fault_at_once(cls, value: Any, handler: ModelWrapValidatorHandler["Model"]) -> "Model":
        if not isinstance(value, dict):
            return handler(value)
        value = cls._without_nulls(value)
        faults = list(cls._rule_faults(cls._with_defaults(value)))
        try:
            result = handler(value)
        except ValidationError as error:
            faults = [_as_details(fault) for fault in error.errors()] + faults
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return result

    @classmethod
    def keyed_lists(cls) -> Iterator[tuple[str, str]]:
        """List fields whose blocks differ in a key, each with that key."""
        yield from ((field, "name") for field in cls.keyed_by_name)
        yield from ((field, "type") for field in cls.keyed_by_type)

    @classmethod
    def _without_nulls(cls, value: Raw) -> Raw:
        """A field written as null is a field left out: the API server prunes it, then fills the default in.

        https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting-and-nullable
        """
        if None not in value.values():
            return value
        filled = {
            info.alias or field
            for field, info in cls.model_fields.items()
            if info.annotation is not Any and type(None) not in get_args(info.annotation)
        }
        return {name: item for name, item in value.items() if item is not None or name not in filled}

    @classmethod
    def _with_defaults(cls, value: Raw) -> Raw:
        """The block by its names on the wire with plain defaults filled in, as CEL sees it."""
        raw = {
            field.alias or name: field.default
            for name, field in cls.model_fields.items()
            if isinstance(field.default, int | float | str)
        }
        aliases = {name: field.alias or name for name, field in cls.model_fields.items()}
        return raw | {aliases.get(name, name): item for name, item in value.items()}

    @classmethod
    def _rule_faults(cls, raw: Raw) -> Iterator[InitErrorDetails]:
        for rule in cls.rules:
            for path in rule.faults(raw):
                yield _details("rule", rule.message, path, None)
        for field, key in cls.keyed_lists():
            names = [(position, block.get(key)) for position, block in blocks(raw, field)]
            for index, (position, name) in enumerate(names):
                if isinstance(name, str) and name in [earlier for _, earlier in names[:index]]:
                    yield _details("duplicate", f"the {key} {name!r} is taken", (field, position, key), name)

    def document(self) -> Raw:
        """As it is written in YAML and JSON: camelCase, defaults included, unset blocks left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _details(kind: str, message: str, path: Path, value: Any) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(kind, "{message}", {"message": message}), loc=path, input=value)


def _as_details(fault: Any) -> InitErrorDetails:
    return _details(fault["type"], fault["msg"], fault["loc"], fault["input"])
