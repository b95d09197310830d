"""A name that a client or a model may have, and that no page may take for anything but text."""

HOSTILE = "</script><script>alert('1')</script><img src=x onerror=alert(2)>"
