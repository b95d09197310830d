"""The table of readers. A new reader is a row in the file of its kind; tests/scripts/fuzz says which file lacks one."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.fuzz.reader import Reader
from scripts.fuzz.readers.commands import COMMANDS
from scripts.fuzz.readers.deployments import DEPLOYMENTS
from scripts.fuzz.readers.models import MODELS
from scripts.fuzz.readers.money import MONEY
from scripts.fuzz.readers.servers import SERVERS
from scripts.fuzz.readers.settings import SETTINGS

READERS: Mapping[str, Reader] = {
    reader.name: reader for reader in (*MODELS, *DEPLOYMENTS, *COMMANDS, *SETTINGS, *MONEY, *SERVERS)
}
