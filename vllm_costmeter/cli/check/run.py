"""What the checks of one run share: models that were opened, answers to equal questions, and who holds which GPU."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from vllm_costmeter.cli.check.neighbours import Neighbours
from vllm_costmeter.cli.check.opening import opened_model
from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.core.model.model import Model

Opened = Model | BadInputError | NotUnderstoodError


@dataclass(slots=True)
class Run:
    """One run of the command over files."""

    neighbours: Neighbours = field(default_factory=Neighbours)
    _models: dict[tuple[str, str | None, str], Opened] = field(default_factory=dict)
    _answers: dict[Hashable, CheckAnswer] = field(default_factory=dict)

    def model(self, name: str, request: CheckRequest) -> Model:
        """The model, opened once however many servers of the files serve it: the Hub is asked once."""
        key = (name, request.serve.revision, repr(request.serve.hf_overrides))
        if key not in self._models:
            try:
                self._models[key] = opened_model(name, request)
            except (BadInputError, NotUnderstoodError) as error:
                self._models[key] = error
        found = self._models[key]
        if isinstance(found, Model):
            return found
        raise found

    def answer(self, question: Hashable, check: Callable[[], CheckAnswer]) -> CheckAnswer:
        """The answer to a question that may have been asked before in other words."""
        if question not in self._answers:
            self._answers[question] = check()
        return self._answers[question]
