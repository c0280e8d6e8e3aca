"""Batched probes end where single ones end; they find what is planted and nothing else."""

import math

import pytest
import torch
from tests.evaluation.toy import Planted, classes, noise, split_of, toy_corpus, vae

from undersong.evaluation.classification import Classification, Robustness, first_of_each_class, macro_f1
from undersong.evaluation.code_clusters import CodeClusters
from undersong.evaluation.probe import Probes, ProbeTraining, accuracies
from undersong.evaluation.subject import NotApplicable, Subject

QUICK = ProbeTraining(copies=3, epochs=20, least_updates=300)


def codes(seed: int, size: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    z = torch.randn(size, 5)
    return z, (z[:, 0] * z[:, 1] > 0).long() + (z[:, 2] > 1).long()


def test_many_at_once_end_where_each_ends_alone():
    z, labels = codes(0)
    valid = codes(1, 64)
    training = ProbeTraining(epochs=4, least_updates=0, batch=32)
    together = training.train(Probes(5, 3, [7, 8, 9]), z, labels, 0, valid)
    for copy, seed in enumerate([7, 8, 9]):
        alone = training.train(Probes(5, 3, [seed]), z, labels, 0, valid)
        for all_of_them, one in zip(together.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(all_of_them[copy], one[0], rtol=1e-3, atol=1e-5)


def test_one_probe_is_the_same_net_of_torch():
    z, labels = codes(0)
    probes = Probes(5, 3, [4])
    layers = [torch.nn.Linear(5, 128), torch.nn.Linear(128, 128), torch.nn.Linear(128, 3)]
    for layer, weight, bias in zip(layers, probes.weights, probes.biases, strict=True):
        layer.weight.data, layer.bias.data = weight[0].detach().T.clone(), bias[0, 0].detach().clone()
    net = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    torch.testing.assert_close(probes(z)[0], net(z))
    ProbeTraining(copies=1, epochs=3, least_updates=0, batch=50).train(probes, z, labels, seed=0)
    adam, order = torch.optim.Adam(net.parameters(), lr=1e-3), torch.Generator().manual_seed(0)
    for _ in range(3):
        for rows in torch.randperm(len(z), generator=order).split(50):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(net(z[rows]), labels[rows]).backward()
            adam.step()
    torch.testing.assert_close(probes(z)[0], net(z), rtol=1e-3, atol=1e-4)


def test_the_best_epoch_of_each_copy_is_kept():
    z, labels = codes(0, 40)
    valid = codes(1, 300)
    long = ProbeTraining(copies=4, epochs=200, least_updates=0, rate=1e-2)
    kept = accuracies(long(z, labels, 3, valid=valid), *valid)
    last = accuracies(long(z, labels, 3), *valid)
    assert (kept >= last).all()
    assert (kept > last).any()  # two hundred passes over forty vectors overfit


def test_planted_classes_are_found_and_noise_is_chance(tmp_path):
    corpus = toy_corpus(tmp_path, train=1500)
    for means, expected in ((classes, 1.0), (noise, 1 / 3)):
        system = vae(corpus, latent=3)
        system.inference = Planted(3, means)
        found = Classification((6,), training=QUICK)(Subject(system, corpus))
        slack = 0 if means is classes else 4 * math.sqrt(2 / 9 / 300)
        assert found["accuracy"] == pytest.approx(expected, abs=slack)
        assert found["accuracy_6"] == pytest.approx(expected, abs=slack)
        assert found["examples_6"] == 18
        damaged = Robustness(training=QUICK)(Subject(system, corpus))
        assert damaged["accuracy_damaged"] == pytest.approx(expected, abs=slack)


def test_few_labels_are_the_first_of_each_class_as_far_as_they_go():
    labels = torch.tensor([0, 1, 0, 0, 2, 1, 0])
    assert first_of_each_class(labels, 2).tolist() == [0, 1, 2, 4, 5]
    assert first_of_each_class(labels, 640).tolist() == list(range(7))


def test_a_class_with_one_example_and_unknown_labels(tmp_path):
    corpus = toy_corpus(tmp_path, train=60)
    train = corpus.train
    labels = train.labels.copy()
    labels[labels == 2] = 1
    labels[5] = 2  # the only one of its class
    labels[:5] = -1
    corpus.__dict__["train"] = split_of([train.ids(i).tolist() for i in range(60)], labels, corpus.tokenizer)
    found = Classification((6, 640), training=QUICK)(Subject(vae(corpus), corpus))
    assert 0 <= found["accuracy"] <= 1
    assert found["examples"] == 55 - 11 - 8


def test_without_labels_or_with_too_few_it_says_so(tmp_path):
    corpus = toy_corpus(tmp_path, labelled=False)
    with pytest.raises(NotApplicable, match="no labels"):
        Classification()(Subject(vae(corpus), corpus))
    corpus = toy_corpus(tmp_path, train=8)
    with pytest.raises(NotApplicable, match="only 8"):
        Classification()(Subject(vae(corpus), corpus))


def test_macro_f1_by_hand():
    import numpy as np

    truth, named = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 3])
    # F1: class 0: 2/3; class 1: 2/3; class 2: 0. Class 3 is nobody's.
    assert macro_f1(truth, named) == pytest.approx(4 / 9)


def test_clusters_of_codes_are_the_planted_classes_and_of_noise_none(tmp_path):
    corpus = toy_corpus(tmp_path, train=300)
    for means, low, high in ((classes, 0.999, 1.001), (noise, 0.0, 0.15)):
        system = vae(corpus, latent=3)
        system.inference = Planted(3, means)
        found = CodeClusters()(Subject(system, corpus))
        assert found.keys() == {f"cluster_{name}" for name in ("many_to_one", "one_to_one", "v_measure", "nmi")}
        assert low <= found["cluster_v_measure"] <= high
    with pytest.raises(NotApplicable, match="make no 500 clusters"):
        CodeClusters(500)(Subject(system, corpus))
