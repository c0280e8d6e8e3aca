"""What a measure is: a question put to a trained model, answered in numbers.

Knows nothing of any one question. A new measure is one new file with one class; it works on every model, from Python
and from the command line, with nothing registered.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from undersong.configurable import Configurable
from undersong.evaluation.subject import Subject

Figures = Mapping[str, float | None]


class Measure(Configurable, ABC):
    """A question; its constructor's arguments are its settings. Write ``name`` and ``__call__``."""

    name: str

    @abstractmethod
    def __call__(self, subject: Subject) -> Figures:
        """The answers by name; None where a number is not defined.

        Raises:
            NotApplicable: the question has no meaning for this model or corpus; the suite leaves it out and says why.
        """
