"""The decoders of the installed transformers that vLLM's Transformers backend can run and has no class for.

python -m scripts.upstream.transformers_classes    update transformers_classes.txt
"""

from __future__ import annotations

import sys
from typing import Any

from scripts.upstream.architectures import OWN_CLASSES

FILE = OWN_CLASSES.with_name("transformers_classes.txt")


def decoders(library: Any) -> list[str]:
    """Names of causal models whose attention can be vLLM's (`is_backend_compatible`), without vLLM's own."""
    from transformers.models.auto import modeling_auto

    own = set(OWN_CLASSES.read_text().split())
    found = set()
    for names in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        for name in (names,) if isinstance(names, str) else names:
            found_class = None if name in own else getattr(library, name, None)
            if found_class is not None and found_class.is_backend_compatible():
                found.add(name)
    return sorted(found)


def main() -> int:
    import transformers

    FILE.write_text("\n".join(decoders(transformers)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
