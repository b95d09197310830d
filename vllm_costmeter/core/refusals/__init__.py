"""Starts that vLLM stops because of flags, model configuration and GPU, whatever the memory: a file per concept.

A rule is a pure function of a `Start` that returns a `Refusal`, or None for a start it has no objection to. To add a
rule, write its file and name it in `registry.py`, under the condition that makes it worth importing.
"""
