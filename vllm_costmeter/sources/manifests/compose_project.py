"""What stands beside a Compose file: .env, `env_file`, `extends`, `configs`, and folders mounted into services."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.manifests.interpolation import expand
from vllm_costmeter.sources.manifests.yaml_tree import Node, documents
from vllm_costmeter.sources.shell.env_file import env_file_values
from vllm_costmeter.sources.shell.machine import File
from vllm_costmeter.sources.shell.values import Text

_LARGEST_BYTES = 1 << 20
_DEEPEST_EXTENDS = 10
_REPLACED = ("command", "entrypoint", "image")
"""Keys of `extends` that the later service replaces; mappings are merged and lists joined (Compose specification)."""


class Project:
    """One Compose file and the files beside it."""

    def __init__(
        self, document: Node, given: Mapping[str, str], environ: Mapping[str, str] = os.environ
    ) -> None:
        self._document = document
        file = document.place.file
        self._folder = None if file.startswith("<") else Path(file).parent
        values = self._values_of(".env") or {}
        self._variables = _Variables({**values, **environ, **given}, set(environ) - set(given))
        self.given = given

    def text(self, text: str) -> str:
        """The text with variables put in."""
        return expand(text, self._variables)

    def notes(self) -> tuple[str, ...]:
        """Which variables came from this process's environment, so far."""
        taken = sorted(self._variables.taken)
        return (f"from this shell's environment, as Compose takes them: {', '.join(taken)}",) if taken else ()

    def names(self) -> Mapping[str, Node]:
        """Every service as it stands, by name."""
        return self._own_services(self._document)

    def extended(self, service: Node) -> Node:
        """A service with what it extends."""
        return self._extended(service, self._document, self._folder, 0)

    def not_read(self) -> Iterator[Node]:
        """Parts of the project that stand in other files and are not read."""
        include = self._document.get("include")
        if include is not None:
            yield include

    def files(self, service: Node) -> dict[str, File]:
        """Texts of `configs` and of single files that are mounted, by their path in the service."""
        found: dict[str, File] = {}
        declared = self._document.get("configs")
        table = declared.table or {} if declared is not None else {}
        listed = service.get("configs")
        for item in listed.items or () if listed is not None else ():
            source = item.text or (item.get("source") or item).text or ""
            target = None if item.text is not None else item.get("target")
            config = table.get(source)
            content, path = (
                (config.get("content"), config.get("file")) if config is not None else (None, None)
            )
            where = target.text if target is not None and target.text else f"/{source}"
            if content is not None and content.text is not None:
                found[where] = File(Text(self.text(content.text)), content.text_line)
            elif path is not None and path.text is not None and (text := self._read(self.text(path.text))):
                found[where] = File(Text(text), 0)
        for target_path, source_path in self.mounts(service):
            text = self._read(source_path)
            if text is not None:
                found[target_path] = File(Text(text), 0)
        return found

    def mounts(self, service: Node) -> tuple[tuple[str, str], ...]:
        """(path in the service, path on this machine) of `volumes` that bind a folder or file."""
        found = []
        volumes = service.get("volumes")
        for item in volumes.items or () if volumes is not None else ():
            if item.text is not None:
                source, _, rest = self.text(item.text).partition(":")
                target = rest.partition(":")[0]
            else:
                source = self.text((item.get("source") or item).text or "")
                target = self.text((item.get("target") or item).text or "")
            if source.startswith((".", "/", "~")) and target.startswith("/") and self._folder is not None:
                found.append((target.rstrip("/"), str(self._folder / _from_home(source))))
        return tuple(found)

    def values_of_files(self, node: Node | None) -> dict[str, str]:
        """Variables of `env_file`: one path, or a list of paths, or of `{path, required}`."""
        found: dict[str, str] = {}
        if node is None:
            return found
        for item in node.items if node.items is not None else (node,):
            path = item if item.text is not None else item.get("path")
            required = None if item.text is not None else item.get("required")
            if path is None or path.text is None:
                continue
            name = self.text(path.text)
            values = self._values_of(name)
            if values is not None:
                found |= values
            elif self._folder is not None and (required is None or required.text != "false"):
                raise path.place.fault(f"env_file {name[:80]} cannot be read")
        return found

    def files_unread(self, node: Node | None) -> list[str]:
        """Those of `env_file` that are not there, and need not be, or that nothing says where to look for."""
        each = () if node is None else node.items if node.items is not None else (node,)
        paths = (item if item.text is not None else item.get("path") for item in each)
        names = [self.text(path.text) for path in paths if path is not None and path.text is not None]
        return [f"env_file {name}" for name in names if self._values_of(name) is None]

    def _extended(self, service: Node, document: Node, folder: Path | None, depth: int) -> Node:
        """The service merged over the one that it extends."""
        extends = service.get("extends") if service.table is not None else None
        if extends is None:
            return service
        if depth >= _DEEPEST_EXTENDS:
            raise extends.place.fault(f"more than {_DEEPEST_EXTENDS} services extend one another")
        name = extends.text or (extends.get("service") or extends).text or ""
        file = None if extends.text is not None else extends.get("file")
        if file is not None and file.text is not None:
            path = (folder or Path()) / self.text(file.text)
            text = self._read(str(path)) if folder is not None else None
            found = documents(text.encode(), str(path)) if text is not None else []
            if not found:
                raise file.place.fault(f"extends {file.text[:80]}, which cannot be read")
            document, folder = found[0], path.parent
        base = self._own_services(document).get(name)
        if base is None:
            raise extends.place.fault(f"extends the service {name[:60]!r}, which is not there")
        return _merged(self._extended(base, document, folder, depth + 1), service)

    def _own_services(self, document: Node) -> Mapping[str, Node]:
        services = document.get("services")
        return services.mapping("services") if services is not None else {}

    def _values_of(self, name: str) -> dict[str, str] | None:
        text = self._read(name)
        return None if text is None else env_file_values(text, has_quotes=True)

    def _read(self, name: str) -> str | None:
        """A text file, relative to the Compose file; None where there is none."""
        if self._folder is None:
            return None
        try:
            path = self._folder / _from_home(name)
            if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
                return None
            return path.read_text(errors="replace")
        except (OSError, ValueError, RuntimeError):
            return None


def _from_home(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # `~nobody/x`
        return Path(path)


class _Variables(dict[str, str]):
    """Values by name, which notes those that were taken from the process's environment."""

    def __init__(self, values: Mapping[str, str], own: set[str]) -> None:
        super().__init__(values)
        self._own = own
        self.taken: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        if name in self._own:
            self.taken.add(name)
        return super().get(name, default)


def environment_of(project: Project, service: Node) -> dict[str, str]:
    """The service's own environment: `env_file`, then `environment`, then values given by hand."""
    found = project.values_of_files(service.get("env_file"))
    environment = service.get("environment")
    if environment is not None and environment.table is not None:
        for name in environment.keys:
            value = environment.table.get(name)
            if value is not None and value.text is not None:
                found[name] = project.text(value.text)
            else:
                found[name] = project.text(f"${{{name}}}").replace(f"${{{name}}}", f"$({name})")
    for item in environment.items or () if environment is not None else ():
        name, equals, text = project.text(item.string("an item of environment")).partition("=")
        passed = project.text(f"${{{name}}}").replace(f"${{{name}}}", f"$({name})")
        found[name] = text if equals else passed
    return {**found, **project.given}


def _merged(base: Node, over: Node) -> Node:
    if base.table is None or over.table is None:
        return over
    table = dict(base.table)
    for key, value in over.table.items():
        before = table.get(key)
        if key == "extends":
            continue
        if before is None or key in _REPLACED:
            table[key] = value
        elif before.table is not None and value.table is not None:
            table[key] = _merged(before, value)
        elif before.items is not None and value.items is not None:
            table[key] = replace(value, items=(*before.items, *value.items))
        else:
            table[key] = value
    return replace(over, table=table, keys=tuple(dict.fromkeys((*base.keys, *over.keys))))
