"""Every measure on toy models whose answers are known, and on input at the edge of what is usable."""

import json

import numpy as np
import pytest
import torch
from tests.evaluation.toy import Planted, Told, classes, language_model, split_of, toy_corpus, vae

from undersong.data.batch import Batch
from undersong.decoding.beam import Beam
from undersong.errors import UserError
from undersong.estimators import Marginal
from undersong.evaluation.agreement import Agreement, Imputation, first_words
from undersong.evaluation.classification import Classification, Robustness
from undersong.evaluation.generation import Diversity, Lengths, Smoothness
from undersong.evaluation.judge import JudgeTraining
from undersong.evaluation.measure import Measure
from undersong.evaluation.perplexity import Fluency, Perplexity, Reader, in_memory, scores
from undersong.evaluation.probe import ProbeTraining
from undersong.evaluation.rates import Rates
from undersong.evaluation.reconstruction import Reconstruction
from undersong.evaluation.shape import PosteriorShape, histograms, pictured, tsne
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.evaluation.suite import SUITE, examine
from undersong.inference import Exact
from undersong.learning import System
from undersong.models import PCFG, CompoundPCFG, MixtureOfUnigrams
from undersong.objectives import ELBO

JUDGE = JudgeTraining(hidden=16, embedding=8, width=16, epochs=30, rate=1e-2)
PROBES = ProbeTraining(copies=2, epochs=5, least_updates=50)
QUICK: list[Measure] = [
    Reconstruction(),
    Lengths(),
    Smoothness(pairs=4, steps=3),
    Diversity(),
    Rates(),
    PosteriorShape(),
    Classification((6,), training=PROBES),
    Robustness(training=PROBES),
    Agreement(JUDGE),
    Imputation(judge=JUDGE),
]


def told(corpus, shift: int = 0) -> Told:
    """A search that writes the original of each row, or of the row ``shift`` further."""
    test = corpus.test
    return Told({row: test.ids((row + shift) % len(test)).tolist() for row in range(len(test))})


def test_perfect_reconstructions_reach_the_top(tmp_path):
    corpus = toy_corpus(tmp_path)
    subject = Subject(vae(corpus), corpus, search=told(corpus))
    found = Reconstruction()(subject)
    assert found["exact_match"] == found["token_accuracy"] == 1.0
    assert found["bleu_4"] == found["bleu_2"] == pytest.approx(100)
    assert found["rouge_2"] == 100
    assert found["edit_distance"] == found["edit_distance_normalised"] == 0
    agreement = Agreement(JUDGE)(subject)
    assert agreement["agreement"] == 1.0
    assert agreement["judge_f1_original"] > 0.95  # every word tells the class
    completed = Imputation(judge=JUDGE)(subject)
    assert completed["imputation_bleu_4"] == pytest.approx(100)
    assert completed["imputation_class_kept"] == 1.0


def test_wrong_reconstructions_do_not(tmp_path):
    corpus = toy_corpus(tmp_path)
    subject = Subject(vae(corpus), corpus, search=told(corpus, shift=1))
    assert Agreement(JUDGE)(subject)["agreement"] < 0.7
    assert Imputation(judge=JUDGE)(subject)["imputation_class_kept"] < 0.7
    assert Reconstruction()(subject)["bleu_2"] < 50


def test_the_judge_is_trained_once_and_never_disturbs_the_random_state(tmp_path, monkeypatch):
    corpus = toy_corpus(tmp_path)
    subject = Subject(vae(corpus), corpus)
    torch.manual_seed(0)
    judge = JUDGE(subject)
    assert torch.rand(1) == torch.rand(1, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(JudgeTraining, "_train", lambda *_: pytest.fail("trained again"))
    again = JUDGE(subject)
    sentences = [corpus.test.ids(i).tolist() for i in range(len(corpus.test))]
    assert (judge.named(sentences) == again.named(sentences)).all()
    alone = np.concatenate([judge.named([s]) for s in sentences])
    assert (judge.named(sentences) == alone).all()


def test_the_whole_suite_on_a_toy(tmp_path):
    corpus = toy_corpus(tmp_path)
    answers = examine(Subject(vae(corpus), corpus, samples=50), QUICK)
    assert answers.left_out == {}
    assert set(answers.seconds) == {m.name for m in QUICK}
    assert all(v is None or np.isfinite(v) for v in answers.figures.values())
    again = examine(Subject(vae(corpus), corpus, samples=50), QUICK[::-1])  # order and sharing change nothing
    assert again.figures == answers.figures
    assert {m.name for m in QUICK} <= {m.name for m in SUITE}


class Undefined(Measure):
    """A measure whose numbers are undefined, and of several kinds."""

    name = "undefined"

    def __call__(self, subject):
        return {"a": float("nan"), "b": np.float64("inf"), "c": torch.tensor(2.5), "d": np.float32(1.5), "e": 3}


def test_a_number_that_is_undefined_is_null(tmp_path):
    corpus = toy_corpus(tmp_path)
    answers = examine(Subject(vae(corpus), corpus, samples=20), [Undefined()])
    assert json.dumps(answers.figures, allow_nan=False) == '{"a": null, "b": null, "c": 2.5, "d": 1.5, "e": 3}'


def test_without_labels_the_label_based_measures_are_left_out_and_say_why(tmp_path):
    corpus = toy_corpus(tmp_path, labelled=False)
    answers = examine(Subject(vae(corpus), corpus, samples=20), QUICK)
    assert answers.left_out == dict.fromkeys(["classification", "robustness", "agreement"], "the corpus has no labels")
    assert answers.figures["imputation_class_kept"] is None
    assert answers.figures["imputation_bleu_2"] is not None


def test_a_language_model_is_asked_what_it_can_answer(tmp_path):
    corpus = toy_corpus(tmp_path)
    answers = examine(Subject(language_model(corpus), corpus, samples=30), QUICK)
    assert set(answers.left_out.values()) == {"the model has no latent variable"}
    assert answers.figures["distinct_1"] is not None
    assert len(set(map(tuple, Subject(language_model(corpus), corpus, samples=30).sample_ids))) > 10  # not one sentence


def test_an_autoencoder_has_a_shape_and_no_variance(tmp_path):
    corpus = toy_corpus(tmp_path)
    subject = Subject(vae(corpus, point=True), corpus, samples=20)
    assert PosteriorShape()(subject)["log_det_covariance"] is not None
    assert (histograms(subject)["variance"] == 0).all()


def test_a_split_smaller_than_the_beam(tmp_path):
    corpus = toy_corpus(tmp_path, test=2)
    answers = examine(Subject(vae(corpus), corpus, samples=3, search=Beam(width=10)), QUICK)
    assert set(answers.left_out) <= {"smoothness"}
    corpus = toy_corpus(tmp_path, test=1)
    answers = examine(Subject(vae(corpus), corpus, samples=1, search=Beam(width=10)), QUICK)
    assert answers.left_out == {"smoothness": "there are fewer than two sentences to walk between"}
    assert answers.figures["self_bleu_2"] is None


def test_an_empty_or_unknown_split_is_refused(tmp_path):
    corpus = toy_corpus(tmp_path)
    with pytest.raises(UserError, match="no split 'dev'"):
        Subject(vae(corpus), corpus, split="dev")
    corpus.__dict__["test"] = split_of([], None, corpus.tokenizer)
    with pytest.raises(UserError, match="empty"):
        Subject(vae(corpus), corpus)


def test_codes_are_in_order_and_do_not_depend_on_the_batch(tmp_path):
    corpus = toy_corpus(tmp_path)
    system = vae(corpus, latent=3)
    subject = Subject(system, corpus)
    for sampled in (False, True):
        codes = subject.codes(corpus.test, subject.rows, sampled)
        alone = torch.cat([subject.codes(corpus.test, subject.rows[i : i + 1], sampled) for i in range(len(codes))])
        torch.testing.assert_close(codes, alone, rtol=1e-4, atol=1e-5)
    system.inference = Planted(3, classes)
    told = subject.codes(corpus.test, subject.rows[::-1].copy())
    assert (told.argmax(-1).numpy() == corpus.test.labels[::-1]).all()


def test_samples_do_not_depend_on_how_many_are_drawn(tmp_path):
    corpus = toy_corpus(tmp_path)
    models = MixtureOfUnigrams(16, 3), PCFG(16, 2, 3), CompoundPCFG(16, 2, 2, 3, size=4)
    own = (System(m, Exact(16, m.latent), Marginal(), ELBO()) for m in models)
    for system in (vae(corpus), language_model(corpus), *own):
        subject = Subject(system, corpus)
        many = subject.draw_samples(600)
        assert len(many) == 600
        assert many[:40] == subject.draw_samples(40)


def test_first_words_and_their_completions(tmp_path):
    x = first_words(Batch.of([[4, 5, 6, 7, 8, 9, 10, 11], [4], [5, 6, 7, 8]]), 0.25)
    assert x.tokens.tolist() == [[4, 5], [4, 0], [5, 0]]
    assert x.lengths.tolist() == [2, 1, 1]
    corpus = toy_corpus(tmp_path)
    subject = Subject(vae(corpus), corpus)
    chosen, kept, written = Imputation().completed(subject)
    assert len(chosen) == len(kept) == len(written) == len(corpus.test)
    for i, first, whole in zip(chosen, kept, written, strict=True):
        assert whole[: len(first)] == first == subject.original_ids[i][: len(first)]
        assert len(first) == max(1, len(subject.original_ids[i]) // 4)


def test_a_class_is_kept_where_the_judge_names_it_again_and_right_where_it_is_the_true_one(tmp_path):
    class Stubborn:
        """A judge that names the last class, whatever it reads."""

        def named(self, sentences):
            return np.full(len(sentences), 2)

    corpus = toy_corpus(tmp_path)
    found = Imputation(judge=lambda subject: Stubborn())(Subject(vae(corpus), corpus))
    assert found["imputation_class_kept"] == 1
    assert found["imputation_class_right"] == pytest.approx((corpus.test.labels == 2).mean())
    assert 0 < found["imputation_class_right"] < 1


def test_walks_begin_and_end_at_the_reconstructions(tmp_path):
    corpus = toy_corpus(tmp_path)
    subject = Subject(vae(corpus), corpus)
    walks = Smoothness(pairs=5, steps=4).walks(subject)
    assert [len(walk) for walk in walks] == [4] * 5
    ends = {tuple(sentence) for walk in walks for sentence in (walk[0], walk[-1])}
    assert ends <= {tuple(sentence) for sentence in subject.reconstructions}


def test_pictures(tmp_path):
    corpus = toy_corpus(tmp_path)
    subject = Subject(vae(corpus), corpus)
    data = histograms(subject)
    assert data["mean"].shape == data["variance"].shape == (40, 4)
    np.testing.assert_allclose(data["mean"], subject.means.numpy(), rtol=1e-4, atol=1e-6)
    picture = tsne(subject, points=20)
    assert picture["xy"].shape == (20, 2)
    assert set(picture["label"]) <= {0, 1, 2}
    assert picture["classes"].tolist() == ["a", "b", "c"]
    assert pictured(subject).keys() == {"mean", "variance", "xy", "label", "classes"}


def test_a_split_too_small_for_a_map_has_its_histograms(tmp_path):
    corpus = toy_corpus(tmp_path, test=3, labelled=False)
    subject = Subject(vae(corpus), corpus)
    with pytest.raises(NotApplicable, match="at least 4 sentences, and there are 3"):
        tsne(subject)
    assert pictured(subject).keys() == {"mean", "variance"}


def test_perplexities_know_good_samples_from_bad_ones(tmp_path):
    corpus, reader = toy_corpus(tmp_path, train=600, test=200), Reader(hidden=16, embedding=8, epochs=12, rate=1e-2)
    train = {row: corpus.train.ids(row).tolist() for row in range(600)}
    good = Subject(vae(corpus), corpus, search=Told(train))
    one_class = Subject(vae(corpus), corpus, search=Told({i: [4 + i % 4] * 5 for i in range(600)}))
    real, narrow = Perplexity(600, reader)(good), Perplexity(600, reader)(one_class)
    # Words are uniform inside a class of four: no model reads them with a perplexity much below 4.
    assert 3 < real["ppl_real"] < 8
    assert real["ppl_forward"] == pytest.approx(real["ppl_real"], rel=0.15)
    assert real["ppl_reverse"] == pytest.approx(real["ppl_real"], rel=0.15)
    assert narrow["ppl_reverse"] > 2 * real["ppl_reverse"]  # two classes of three are never written
    assert narrow["ppl_real"] == real["ppl_real"]
    assert real["share_short"] == 1.0
    assert real["ppl_forward_long"] is None
    assert Fluency(600, reader)(good) == {key: real[key] for key in real if key != "ppl_reverse"}


def test_perplexity_is_exp_of_nats_a_word_and_end(tmp_path):
    corpus = toy_corpus(tmp_path)
    reader = Reader(hidden=8, embedding=4)
    model = reader.new(corpus.vocab_size).eval()
    split = in_memory([[4, 5], [6], []], corpus.tokenizer)
    with torch.no_grad():
        one = [float(model.log_marginal(Batch.of([s]))) for s in ([4, 5], [6])]
    np.testing.assert_allclose(scores(model, split)[:2], one, rtol=1e-5)
    assert np.isfinite(scores(model, split)).all()  # a sample without words has an end to score


def test_a_sentence_of_ten_words_is_short_and_one_of_eleven_is_long(tmp_path):
    corpus = toy_corpus(tmp_path, train=40)
    fluency = Fluency(reader=Reader(hidden=4, embedding=4, epochs=1))
    found = fluency.read(Subject(vae(corpus), corpus), in_memory([[4] * 10, [4] * 11, [4] * 11], corpus.tokenizer))
    assert found["share_short"] == pytest.approx(1 / 3)
    assert found["ppl_forward_short"] != found["ppl_forward_long"]


def test_rates_of_planted_codes(tmp_path):
    # Means far apart for the three classes: the code tells the class and no more.
    corpus = toy_corpus(tmp_path, test=300)
    system = vae(corpus, latent=3)
    system.inference = Planted(3, lambda x: 20 * classes(x))
    found = Rates()(Subject(system, corpus))
    share = np.bincount(corpus.test.labels) / 300
    assert found["information"] == pytest.approx(-(share * np.log(share)).sum(), abs=1e-3)
    assert found["rate"] == pytest.approx(200, rel=1e-5)  # half the squared length of the mean
    assert found["information_cap"] == pytest.approx(np.log(300))
    assert found["information_at_cap"] == 0
    assert found["information_lower"] < found["information"] < found["rate"]
    spread = torch.arange(300.0)
    system.inference = Planted(3, lambda x: 20 * spread[x.index][:, None].expand(-1, 3))  # each sentence apart
    assert Rates()(Subject(system, corpus))["information_at_cap"] == 1
    with pytest.raises(NotApplicable, match="point mass"):
        Rates()(Subject(vae(corpus, point=True), corpus))
