"""A certificate for 127.0.0.1 and its key, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

from required_tool import required_tool


def made_certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) in PEM files."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 "
        f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}"
    )
    subprocess.run([required_tool("openssl"), *words.split()], check=True, capture_output=True)
    return cert, key
