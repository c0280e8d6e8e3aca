"""People read what each figure of the suite is, with as many decimals as mean anything; programs read its bare name."""

import re

from rich.console import Console
from tests.evaluation.test_suite import JUDGE, PROBES
from tests.evaluation.toy import toy_corpus, vae

from undersong.evaluation.agreement import Agreement, Imputation
from undersong.evaluation.classification import Classification, Robustness
from undersong.evaluation.command import suite_table
from undersong.evaluation.labels import Label, label_of
from undersong.evaluation.perplexity import Perplexity, Reader
from undersong.evaluation.subject import Subject
from undersong.evaluation.suite import SUITE, examine


def printed(figures, left_out=None):
    console = Console(width=200)
    with console.capture() as captured:
        console.print(suite_table({"figures": figures, "left_out": left_out or {}, "seconds": {}}))
    rows = [line.split("│") for line in captured.get().splitlines() if line.count("│") == 4]
    return [tuple(cell.strip() for cell in row[1:4]) for row in rows]


def test_every_figure_of_the_suite_is_named(tmp_path):
    corpus = toy_corpus(tmp_path)
    small = {
        "classification": Classification((6,), training=PROBES),
        "robustness": Robustness(training=PROBES),
        "agreement": Agreement(JUDGE),
        "imputation": Imputation(judge=JUDGE),
    }
    measures = [*(small.get(measure.name, measure) for measure in SUITE), Perplexity(20, Reader(hidden=4, epochs=1))]
    figures = examine(Subject(vae(corpus), corpus, samples=50, progress=False), measures).figures
    assert not [name for name in figures if label_of(name) == Label(name.replace("_", " "), 3)]
    shown = printed(figures)
    assert len({name for name, _, _ in shown}) == len(shown) == len(figures)
    assert not any("_" in name for name, _, _ in shown)
    assert all(re.fullmatch(r"-?[\d,]+(\.\d{2,3})?|not defined", value) for _, value, _ in shown)


def test_a_row_says_what_and_how_much_of_what():
    shown = printed({"bleu_4": 12.3456, "copied": 0.5, "accuracy_64": 1, "edit_distance": None}, {"a_walk": "too few"})
    assert shown[0] == ("BLEU-4", "12.35", "0 to 100; of reconstructions")
    assert shown[1] == ("samples: copied", "0.500", "share that stands word for word in the training split")
    assert shown[2][:2] == ("classes: accuracy, 64 labels each", "1")
    assert shown[3][:2] == ("edit distance", "not defined")
    assert shown[4] == ("a walk", "left out", "too few")


def test_a_figure_of_a_measure_of_ones_own_has_its_own_name():
    shown = printed({"my_share_9": 0.12345, "my_words": 1234})
    assert shown == [("my share 9", "0.123", ""), ("my words", "1,234", "")]
