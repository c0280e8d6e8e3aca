"""All figures of one trained run: its bounds and codes, and the measures its row asks for.

Each answer is kept beside its measure's full settings: a changed setting is measured anew, and so is a run that was
trained further; nothing else is. Knows nothing of other runs.
"""

import time
from typing import Any

from jsonargparse import ArgumentParser

from undersong.configurable import describe
from undersong.decoding.search import Search
from undersong.evaluation.evaluate import evaluate
from undersong.evaluation.measure import Measure
from undersong.evaluation.pairs import sentence_scores
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.evaluation.suite import examine
from undersong.learning import Run
from undersong.reproduce.arrays import is_kept, keep
from undersong.reproduce.execute import Say
from undersong.reproduce.measured import SENTENCES
from undersong.reproduce.sheet import opened


def judge(order: dict[str, Any], say: Say) -> None:
    """Measure what the figures file lacks, and write it after every measure; say of each when it begins."""
    run = Run.load(order["run"])
    sheet, corpus = opened(order, run), run.corpus()
    settings = {"evaluate": order["evaluate"]}
    if sheet.lacks(settings):
        say("measuring bounds")
        began = time.monotonic()
        found = evaluate(run.path, split="test", **order["evaluate"])
        numbers = {k: v for k, v in found.items() if v is None or isinstance(v, int | float)}
        sheet.add(settings, numbers, {}, time.monotonic() - began)
    asked = parsed(order)
    options = dict(order["subject"]) | {"search": asked.pop("search")}
    subject = Subject(run.system, corpus, **options)
    for measure in asked["measures"]:
        settings = {"measure": describe(measure), "subject": order["subject"]}
        if sheet.lacks(settings):
            say(f"measuring {type(measure).__name__}")
            answers = examine(subject, [measure])
            sheet.add(settings, answers.figures, answers.left_out, sum(answers.seconds.values()))
    settings = {"subject": order["subject"], "step": run.step}
    if not is_kept(run.path / SENTENCES, settings) and _rewrites(subject):
        say("measuring sentence by sentence")
        keep(run.path / SENTENCES, settings, sentence_scores(subject))


def _rewrites(subject: Subject) -> bool:
    """Whether the model writes a sentence again from its vector."""
    try:
        subject.need_latent()
        return subject.decoder is not None
    except NotApplicable:
        return False


def parsed(order: dict[str, Any]) -> dict[str, Any]:
    """The order's measures and search as objects; classes by short name or dotted path, with nothing registered."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--measures", type=list[Measure])
    parser.add_argument("--search", type=Search | None, default=None)
    plain = {"measures": [m if isinstance(m, dict) else {"class_path": m} for m in order["measures"]]}
    made = parser.instantiate(parser.parse_object(plain | {"search": order["subject"].get("search")}))
    return {"measures": made.measures, "search": made.search}
