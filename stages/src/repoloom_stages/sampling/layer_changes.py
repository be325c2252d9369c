"""Conversions between layers: `impl From<api::Request> for domain::Order` goes from the layer of one to the other's."""

from dataclasses import dataclass, field

from repoloom_stages.facts import Item
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.definitions import DEFINING, Definitions, Reference, Scope
from repoloom_stages.sampling.written_names import arguments_of, path_of


@dataclass
class LayerChanges:
    """The layers of types, and between which of them each conversion goes."""

    _layers: Definitions[str] = field(default_factory=Definitions)
    _conversions: dict[tuple[int, int], tuple[Reference, Reference]] = field(default_factory=dict)

    def see(self, file: CodeFile, number: int | None) -> None:
        """Take in a file, known by that number; its conversions matter only if it has one."""
        scope = Scope(file)
        for item in file.facts["items"]:
            if item["kind"] in DEFINING:
                self._layers.add(scope.before, item["name"], file.place["layer"])
            elif number is not None and (pair := _pair(item)):
                source, target = (scope.reference(one) for one in pair)
                if source and target:
                    self._conversions[number, item["start"]] = source, target

    def between(self, number: int, start: int) -> str:
        """`api -> domain` for the conversion that starts there, if it is one between two layers; else nothing."""
        source, target = (
            self._layers.find(one) or "" for one in self._conversions.get((number, start), (_NOTHING, _NOTHING))
        )
        return f"{source} -> {target}" if source and target and source != target else ""


_NOTHING = Reference((), (), led=False, relative=False, opened=False)


def _pair(item: Item) -> tuple[str, str] | None:
    """What an impl converts from and to, if it converts: `From`, `TryFrom`, `Into`, `TryInto`, and traits like them."""
    trait = item["bases"][0] if item["kind"] == "impl" and item["bases"] else ""
    name, arguments = path_of(trait)[-1:], arguments_of(trait)
    if not name or not arguments:
        return None
    if name[0].endswith("From"):
        return arguments[0], item["type"]
    return (item["type"], arguments[0]) if name[0].endswith("Into") else None
