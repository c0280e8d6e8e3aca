"""The recurrent encoder and decoder: what padding, order, sampling and training mode may and may not change."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from undersong.data.batch import BOS, EOS, UNK, Batch
from undersong.data.noise import word_dropout
from undersong.errors import UserError
from undersong.nets import GRU, LSTM, BagEncoder, BagOfWords, RecurrentDecoder, RecurrentEncoder
from undersong.nets.encoder import read_words, word_vectors

V, D = 30, 3
SENTENCES = [[5, 6, 7, 8, 9], [10], [11, 12, 13], [14, 15]]
ROUTES = [(True, False), (False, True), (True, True)]


def _padded(x: Batch, extra: int) -> Batch:
    return Batch(torch.nn.functional.pad(x.tokens, (0, extra)), x.lengths, x.index, x.labels)


@pytest.fixture(params=[LSTM, GRU])
def layer(request):
    torch.manual_seed(0)
    return request.param


def test_padding_and_order_change_no_features(layer):
    encoder = RecurrentEncoder(V, embedding=4, hidden=6, layer=layer)
    x = Batch.of(SENTENCES)
    features = encoder(x)
    torch.testing.assert_close(encoder(_padded(x, 7)), features)
    for row, sentence in enumerate(SENTENCES):
        torch.testing.assert_close(encoder(Batch.of([sentence]))[0], features[row])


@pytest.mark.parametrize("routes", ROUTES)
@pytest.mark.parametrize("tied", [False, True])
def test_a_sentences_likelihood_is_the_sum_of_its_steps(layer, routes, tied):
    """Scored at once and word by word: two ways through the decoder, one number; padding counts in neither."""
    decoder = RecurrentDecoder(V, D, 4, 6, *routes, tied=tied, layer=layer).eval()
    x, z = Batch.of(SENTENCES), torch.randn(2, len(SENTENCES), D)
    at_once = decoder.log_prob(x, z)
    torch.testing.assert_close(decoder.log_prob(_padded(x, 5), z), at_once)
    for s in range(2):
        for b, sentence in enumerate(SENTENCES):
            state, total = decoder.start(z[s, b : b + 1]), torch.zeros(())
            for read, wanted in zip([BOS, *sentence], [*sentence, EOS], strict=True):
                log_p, state = decoder.step(torch.tensor([read]), state)
                assert abs(log_p.exp().sum().item() - 1.0) < 1e-5
                total = total + log_p[0, wanted]
            torch.testing.assert_close(at_once[s, b], total, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("routes", ROUTES)
def test_z_reaches_the_words_by_every_route(layer, routes):
    decoder = RecurrentDecoder(V, D, 4, 6, *routes, layer=layer)
    z = torch.randn(1, len(SENTENCES), D, requires_grad=True)
    decoder.log_prob(Batch.of(SENTENCES), z).sum().backward()
    assert (z.grad.abs().sum(-1) > 0).all()


@pytest.mark.parametrize("routes", ROUTES)
def test_every_parameter_is_learned(layer, routes):
    """A route that z does not take costs no weights."""
    decoder = RecurrentDecoder(V, D, 4, 6, *routes, layer=layer)
    x = Batch.of(SENTENCES)
    decoder.log_prob(x, torch.randn(1, len(x), D)).sum().backward()
    assert [name for name, p in decoder.named_parameters() if p.grad is None] == []


def test_a_decoder_that_never_reads_z_is_refused():
    with pytest.raises(UserError, match="never read z"):
        RecurrentDecoder(V, D, z_to_inputs=False, z_to_state=False)


def test_word_dropout_hides_words_from_the_decoder_in_training_only():
    inputs = torch.randint(4, V, (200, 50))
    inputs[:, 0] = BOS
    torch.manual_seed(1)
    noisy = word_dropout(inputs, 0.3)
    changed = noisy != inputs
    assert (noisy[changed] == UNK).all()
    assert not changed[:, 0].any()
    assert abs(changed[:, 1:].double().mean().item() - 0.3) < 4 * (0.3 * 0.7 / (200 * 49)) ** 0.5
    decoder = RecurrentDecoder(V, D, 4, 6, word_dropout=0.9)
    x, z = Batch.of(SENTENCES), torch.zeros(1, len(SENTENCES), D)
    assert not torch.equal(decoder.train().log_prob(x, z), decoder.log_prob(x, z))
    assert torch.equal(decoder.eval().log_prob(x, z), decoder.log_prob(x, z))


@pytest.mark.parametrize("where", ["dropout", "output_dropout"])
def test_dropout_is_for_training_only(where):
    decoder = RecurrentDecoder(V, D, 4, 6, **{where: 0.5})
    x, z = Batch.of(SENTENCES), torch.zeros(1, len(SENTENCES), D)
    assert not torch.equal(decoder.train().log_prob(x, z), decoder.log_prob(x, z))
    assert torch.equal(decoder.eval().log_prob(x, z), decoder.log_prob(x, z))


def test_input_dropout_is_drawn_anew_at_every_place_of_a_word():
    torch.manual_seed(0)
    embed, words = word_vectors(9, 40), torch.tensor([[7, 7, 5], [7, 5, 5]])
    vectors, where = read_words(words, embed, nn.Dropout(0.5).train())
    read = vectors[where]  # [2, 3, 40]
    for word in (5, 7):
        places = read[words == word]  # [3, 40]
        dropped = (places == 0).sum(1)
        assert ((dropped > 5) & (dropped < 35)).all()
        assert (places[places != 0] == (2 * embed.weight[word].expand(3, -1))[places != 0]).all()
        assert all(not torch.equal(places[i] == 0, places[j] == 0) for i, j in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.parametrize("layer", [LSTM, GRU])
def test_no_sentences_at_all(layer):
    x = Batch.of([])
    assert RecurrentDecoder(V, D, 4, 6, layer=layer).log_prob(x, torch.zeros(2, 0, D)).shape == (2, 0)
    assert RecurrentEncoder(V, 4, 6, layer=layer)(x).shape == (0, 6)


@pytest.mark.parametrize("layer", [LSTM, GRU])
def test_an_empty_sentence_is_scored_and_encoded(layer):
    x = Batch.of([[], [5]])
    decoder = RecurrentDecoder(V, D, 4, 6, layer=layer)
    alone = Batch.of([[]])
    z = torch.randn(1, 2, D)
    torch.testing.assert_close(decoder.log_prob(x, z)[:, :1], decoder.log_prob(alone, z[:, :1]))
    assert RecurrentEncoder(V, 4, 6, layer=layer)(x).isfinite().all()


def test_tied_weights_are_one_matrix():
    decoder = partial(RecurrentDecoder, V, D, 4, 6)
    tied, loose = decoder(tied=True), decoder()
    assert tied.vocabulary.weight is tied.embed.weight
    assert loose.vocabulary.weight is not loose.embed.weight


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
@pytest.mark.parametrize("name", ["dropout", "word_dropout", "output_dropout"])
def test_what_is_no_share_is_refused_by_name(name: str, share: float) -> None:
    with pytest.raises(UserError, match=f"^{name} is .* from 0 to 1"):
        RecurrentDecoder(20, 4, **{name: share})  # type: ignore[arg-type]
    if name == "dropout":
        with pytest.raises(UserError, match=r"^dropout is .* from 0 to 1"):
            RecurrentEncoder(20, dropout=share)


@pytest.mark.parametrize("net", [partial(RecurrentDecoder, latent=4), RecurrentEncoder, BagEncoder])
@pytest.mark.parametrize("name", ["embedding", "hidden"])
@pytest.mark.parametrize("size", [0, -3])
def test_what_is_no_size_is_refused_by_name(net: Callable[..., nn.Module], name: str, size: int) -> None:
    with pytest.raises(UserError, match=f"^{name} is {size}: it must be at least 1"):
        net(20, **{name: size})


@pytest.mark.parametrize("hidden", [0, 7])
def test_words_of_a_bag_without_z_have_one_distribution_and_torch_does_not_warn(hidden, recwarn):
    decoder = BagOfWords(V, 0, hidden)
    assert not recwarn.list
    z = torch.zeros(1, 2, 0)
    every = decoder.step(torch.zeros(2), decoder.start(z[0]))[0]
    torch.testing.assert_close(every.exp().sum(-1), torch.ones(2))
    want = torch.stack([every[0, [5, 6]].sum(), every[0, 8]])
    torch.testing.assert_close(decoder.log_prob(Batch.of([[5, 6], [8]]), z)[0], want)
