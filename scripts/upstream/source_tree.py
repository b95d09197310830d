"""The classes, functions and fields of one release, found by module and name in its sources, without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

OTHER_HARDWARE = (".amd", ".xpu", ".cpu", ".rocm")

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """Definitions, imports and aliases of one file."""

    def __init__(self, name: str, file: Path) -> None:
        self.defined: dict[str, Definition] = {}
        self.imports: dict[str, list[tuple[str, str]]] = {}
        self.aliases: dict[str, str] = {}
        self.folder = file.parent if file.name == "__init__.py" else None
        package = name if self.folder else name.rpartition(".")[0]
        tree = ast.parse(file.read_text("utf-8"))
        self.body = tree.body
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self.defined.setdefault(node.name, node)
            elif isinstance(node, ast.ImportFrom):
                parts = package.split(".")
                above = parts[: len(parts) - node.level + 1] if node.level else []
                source = ".".join([*above, *([node.module] if node.module else [])])
                for each in node.names:
                    self.imports.setdefault(each.asname or each.name, []).append((source, each.name))
            elif isinstance(node, ast.Assign):
                self._alias(node.targets[0], node.value)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.defined[node.name] = node

    def _alias(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name) and isinstance(value, ast.Name):
            self.aliases[target.id] = value.id


class SourceTree:
    """One release: `folder` contains `vllm/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """None if there is no such file."""
        if name not in self._modules:
            path = self.folder.joinpath(*name.split("."))
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            self._modules[name] = Module(name, file) if file.is_file() else None
        return self._modules[name]

    def find(
        self, module: str, name: str, seen: tuple[tuple[str, str], ...] = ()
    ) -> Iterator[tuple[str, Definition]]:
        """Where a name of a module is defined, through imports and aliases; several where it depends on the
        hardware."""
        read = self.module(module)
        if read is None or (module, name) in seen:
            return
        if name in read.defined:
            yield module, read.defined[name]
            return
        seen = (*seen, (module, name))
        if name in read.aliases:
            yield from self.find(module, read.aliases[name], seen)
            return
        found = [
            each
            for source, original in read.imports.get(name, ())
            if not any(part in source for part in OTHER_HARDWARE)
            for each in self.find(source, original, seen)
        ]
        yield from found or self._below(read, name)

    def classes(self, module: str, name: str) -> Iterator[tuple[str, ast.ClassDef]]:
        """As `find`, classes alone."""
        for where, found in self.find(module, name):
            if isinstance(found, ast.ClassDef):
                yield where, found

    def described(self, module: str, owner: str, name: str) -> str | None:
        """The signature of a function or method, or the declaration of a field, in one line; of a class the names of
        its methods. None if there is no such thing."""
        if not owner:
            read = self.module(module)
            found = next((each for _, each in self.find(module, name)), None)
            if found is not None:
                return described_definition(found)
            return _in_body(read.body, name) if read is not None else None
        return next((text for text in self._members(module, owner, name, set())), None)

    def _members(self, module: str, owner: str, name: str, seen: set[tuple[str, str]]) -> Iterator[str]:
        for where, class_ in self.classes(module, owner):
            if (where, class_.name) in seen:
                continue
            seen.add((where, class_.name))
            own = _in_body(class_.body, name) or _assigned(class_, name)
            if own is not None:
                yield own
            for base in class_.bases:
                plain = base.value if isinstance(base, ast.Subscript) else base
                if isinstance(plain, ast.Name):
                    yield from self._members(where, plain.id, name, seen)

    def _below(self, read: Module, name: str) -> list[tuple[str, Definition]]:
        """The class in a package that imports it only when asked: NVIDIA's variant goes first."""
        found: list[tuple[str, Definition]] = []
        for file in sorted(read.folder.rglob("*.py")) if read.folder else ():
            module = ".".join(file.relative_to(self.folder).with_suffix("").parts)
            is_own = file.name != "__init__.py" and not any(part in module for part in OTHER_HARDWARE)
            if is_own and f"class {name}(" in file.read_text("utf-8"):
                below = self.module(module)
                if below is not None:
                    found.append((module, below.defined[name]))
        return [each for each in found if ".nvidia." in each[0]] or found


def described_definition(node: Definition) -> str:
    """One line: a function's signature with its decorators, or a class with its bases and methods."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(map(ast.unparse, node.bases))
        methods = [
            each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        return f"class {node.name}({bases}): {' '.join(methods)}"
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    decorators = "".join(f"@{ast.unparse(each)} " for each in node.decorator_list)
    return f"{decorators}{word} {node.name}({ast.unparse(node.args)}){returns}"


def _in_body(body: list[ast.stmt], name: str) -> str | None:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            return described_definition(node)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(each, ast.Name) and each.id == name for each in targets):
            return ast.unparse(node)
        inner = getattr(node, "body", []) if isinstance(node, ast.If | ast.Try) else []
        if inner and (found := _in_body(inner, name)) is not None:
            return found
    return None


def _assigned(class_: ast.ClassDef, name: str) -> str | None:
    """The first `self.name = ...` of the class's methods."""
    for method in class_.body:
        for node in ast.walk(method) if isinstance(method, ast.FunctionDef) else ():
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for each in targets:
                if (
                    isinstance(each, ast.Attribute)
                    and each.attr == name
                    and ast.unparse(each.value) == "self"
                ):
                    return ast.unparse(node)
    return None


def registered(tree: SourceTree, not_served: frozenset[str]) -> Mapping[str, tuple[str, str]]:
    """Architecture -> module and class of the release's model registry, but for the tables `not_served`."""
    found: dict[str, tuple[str, str]] = {}
    registry = tree.module("vllm.model_executor.models.registry")
    for node in registry.body if registry else ():
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name) or not isinstance(value, ast.Dict):
            continue
        if target.id.endswith("_MODELS") and target.id not in not_served:
            for key, place in zip(value.keys, value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(place, ast.Tuple):
                    module, name = (str(ast.literal_eval(part)) for part in place.elts[:2])
                    found[str(key.value)] = (
                        module if module.startswith("vllm.") else f"vllm.model_executor.models.{module}",
                        name,
                    )
    return found
