"""Level stacking: trained networks become a CMS and say the same as before, until something is learned."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nlviz.nested import IndependentCMS, NestedCMS, SequentialCMS


def trained_mlp(like, layers=4):
    torch.manual_seed(0)
    hidden = [part for _ in range(layers - 2) for part in (nn.Linear(9, 9), nn.Tanh())]
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), *hidden, nn.Linear(9, 3)).to(**like)


def encoder(like, norm_first, layers=4):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True, norm_first=norm_first)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).to(**like)


def causal(length, like):
    return nn.Transformer.generate_square_subsequent_mask(length, dtype=like["dtype"], device=like["device"])


@pytest.mark.parametrize("kind", [SequentialCMS, NestedCMS])
@pytest.mark.parametrize("round_robin", [False, True], ids=["neighbours", "turns"])
def test_a_cms_from_a_trained_mlp_gives_its_logits(like, draw, close, kind, round_robin):
    network, x = trained_mlp(like), draw(3, 5, 6)
    cms = kind.from_mlp(network, (1, 4), round_robin)
    assert torch.equal(cms(x)[0], network(x))
    assert torch.equal(cms(x, cms.init())[0], network(x))
    close(cms(x, cms.init(batch=3))[0], network(x))


@pytest.mark.parametrize("kind", [SequentialCMS, NestedCMS])
@pytest.mark.parametrize("norm_first", [True, False], ids=["norm first", "norm last"])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_a_cms_from_a_trained_transformer_gives_its_logits(like, draw, close, kind, norm_first, training):
    network, x = encoder(like, norm_first).train(training), draw(3, 6, 8)
    head = nn.Linear(8, 10).to(**like)
    mask = causal(6, like)
    cms = kind.from_transformer(network, (1, 4)).train(training)
    assert torch.equal(head(cms(x, mask=mask)[0]), head(network(x, mask=mask)))
    for batch in (None, 3):
        close(head(cms(x, cms.init(batch), mask)[0]), head(network(x, mask=mask)))


def test_layers_go_to_levels_in_groups_of_neighbours_or_in_turns(like):
    network = encoder(like, True, layers=5)
    for round_robin, expected in ((False, [0, 0, 1, 1, 2]), (True, [0, 1, 2, 0, 1])):
        cms = SequentialCMS.from_transformer(network, (1, 4, 16), round_robin)
        groups = [{id(w) for w in group["params"]} for group in cms.groups()]
        for layer, level in zip(cms.network.layers, expected, strict=True):
            for module in (layer.linear1, layer.linear2, layer.norm2):
                assert all(id(w) in groups[level] for w in module.parameters())
            assert all(id(w) in groups[3] for w in layer.self_attn.parameters())
        assert sum(len(group) for group in groups) == len(list(cms.parameters()))


def test_the_trained_network_itself_is_left_alone(like, draw):
    network, x = trained_mlp(like), draw(3, 6)
    before = network(x)
    cms = SequentialCMS.from_mlp(network, (1, 2), lr=0.5)
    optimizer = torch.optim.SGD(cms.parameters(), lr=0.5)
    cms(x)[0].square().sum().backward()
    optimizer.step()
    assert torch.equal(network(x), before)
    assert not torch.equal(cms(x)[0], before)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_an_mlp_split_among_levels_is_the_mlp(like, draw, close, residual, norm, levels):
    torch.manual_seed(1)
    front = [nn.LayerNorm(6)] if norm else []
    mlp = nn.Sequential(*front, nn.Linear(6, 10), nn.GELU(), nn.Linear(10, 6)).to(**like)
    cms, x = IndependentCMS.from_mlp(mlp, (1, 4, 16)[:levels], residual), draw(4, 6)
    close(cms(x)[0], mlp(x) + (x if residual else 0))
    assert sum(part[-1].in_features for part in cms.network.mlps) == 10


def test_a_trained_transformer_learns_at_test_time_sequence_by_sequence(like, draw, close):
    cms = SequentialCMS.from_transformer(encoder(like, True), (1, 4), lr=0.05).eval()
    x, target, mask = draw(3, 6, 8), draw(3, 6, 8, seed=1), causal(6, like)
    losses = {}
    for batch in (3, 1):
        state, losses[batch] = cms.init(batch), []
        for _ in range(8):
            y, state = cms(x[:batch], state, mask)
            loss = (y - target[:batch]).square().mean((1, 2))
            state = cms.detach(cms.learn(loss, state, first_order=True))
            losses[batch].append(loss.detach())
    assert (losses[3][-1] < 0.8 * losses[3][0]).all()
    for a, b in zip(losses[3], losses[1], strict=True):
        close(a[:1], b, 1e-10)
    future = torch.cat([x[:, :4], draw(3, 2, 8, seed=2)], dim=1)
    assert torch.equal(cms(x[:1], state, mask)[0][:, :4], cms(future[:1], state, mask)[0][:, :4])


def test_the_outer_gradient_reaches_every_part_of_a_trained_transformer(like, draw):
    cms = SequentialCMS.from_transformer(encoder(like, True), (1, 2))
    x, target, mask = draw(2, 5, 8), draw(2, 5, 8, seed=1), causal(5, like)
    state, total = cms.init(2), 0
    for _ in range(3):
        y, state = cms(x, state, mask)
        loss = (y - target).square().mean((1, 2))
        state, total = cms.learn(loss, state), total + loss.sum()
    total.backward()
    assert all(w.grad is not None and torch.isfinite(w.grad).all() for w in cms.parameters())


def test_what_cannot_be_stacked_is_explained(like):
    with pytest.raises(ValueError, match="4 layers with weights cannot fill 5 levels; give 4 periods or fewer"):
        SequentialCMS.from_mlp(trained_mlp(like), (1, 2, 4, 8, 16))
    time_first = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12), 2, enable_nested_tensor=False)
    with pytest.raises(ValueError, match="make the layers batch_first=True"):
        SequentialCMS.from_transformer(time_first, (1, 2))
    with pytest.raises(ValueError, match=r"takes nn\.Sequential"):
        IndependentCMS.from_mlp(nn.Sequential(nn.Linear(3, 3)))
    with pytest.raises(ValueError, match="2 hidden units cannot fill 3 levels"):
        IndependentCMS.from_mlp(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 3)))
