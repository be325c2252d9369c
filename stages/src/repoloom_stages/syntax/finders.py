"""Finders: by language, what finds the facts in a file's syntax tree."""

from collections.abc import Callable

from tree_sitter import Node

from repoloom_stages.facts import Found
from repoloom_stages.syntax.c_items import c_facts, cpp_facts
from repoloom_stages.syntax.csharp_items import csharp_facts
from repoloom_stages.syntax.go_items import go_facts
from repoloom_stages.syntax.java_items import java_facts
from repoloom_stages.syntax.javascript_items import javascript_facts, tsx_facts, typescript_facts
from repoloom_stages.syntax.python_items import python_facts
from repoloom_stages.syntax.rust_items import rust_facts

Finder = Callable[[bytes, Node, bool], Found]
"""From a text, the root of its tree, and whether a query may run over it, to what it holds."""

FINDERS: dict[str, Finder] = {
    "c": c_facts,
    "cpp": cpp_facts,
    "csharp": csharp_facts,
    "go": go_facts,
    "java": java_facts,
    "javascript": javascript_facts,
    "python": python_facts,
    "rust": rust_facts,
    "tsx": tsx_facts,
    "typescript": typescript_facts,
}
