"""A language model: streaming, generating, keeping, counting."""

from __future__ import annotations

import errno
import json
import math
import os
from dataclasses import dataclass

import pytest
import torch

from nlviz.loops import next_token, train
from nlviz.memory import Delta
from nlviz.nested import Hope, HopeAttention, LanguageModel, MemoryBlock, SelfModifyingTitans
from nlviz.nested.layers.cost import tensors

SMALL = {
    "Hope": (Hope, {"heads": 2, "chunk": 4, "periods": (1, 4)}),
    "HopeAttention": (HopeAttention, {"heads": 2, "periods": (1,)}),
    "gated Delta": (MemoryBlock, {"rule": Delta(keep=0.9), "heads": 2}),
}


def make(name, like=None, d_model=16, **more):
    block, settings = SMALL[name]
    model = LanguageModel(block, d_model=d_model, layers=2, vocabulary=20, settings={**settings, **more}, seed=1)
    with torch.no_grad():
        model.embedding.mul_(50)
    return model.to(**like) if like else model


def text(batch, T, seed=0):
    return torch.randint(20, (batch, T), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("d_model", [16, 128], ids="d{}".format)
@pytest.mark.parametrize("name", SMALL)
def test_text_can_be_read_in_pieces(name, d_model, like, close):
    model, tokens = make(name, like, d_model), text(2, 37).to(like["device"])
    whole, end = model(tokens)
    state, answers = None, []
    for part in tokens.split([1, 4, 7, 1, 4, 7, 13], 1):
        logits, state = model(part, state)
        answers.append(logits)
    close(torch.cat(answers, 1), whole, 1e-10)
    for one, other in zip(tensors(state), tensors(end), strict=True):
        close(one, other, 1e-10)


@pytest.mark.parametrize("d_model", [16, 128], ids="d{}".format)
@pytest.mark.parametrize("name", SMALL)
def test_no_guess_sees_the_token_it_guesses_and_texts_do_not_meet(name, d_model, like, close):
    model, tokens = make(name, like, d_model), text(3, 20).to(like["device"])
    logits, _ = model(tokens)
    changed = tokens.clone()
    changed[0, 11:] = (changed[0, 11:] + 1) % 20
    later, _ = model(changed)
    assert torch.equal(later[0, :11], logits[0, :11])
    assert not torch.equal(later[0, 11], logits[0, 11])
    close(later[1:], logits[1:])
    close(model(tokens[1:2])[0][0], logits[1])


@pytest.mark.parametrize("d_model", [16, 128], ids="d{}".format)
@pytest.mark.parametrize("name", SMALL)
def test_one_loss_gives_every_parameter_a_gradient(name, d_model, like):
    block, settings = SMALL[name]
    model = LanguageModel(block, d_model, vocabulary=20, settings=settings, **like)
    tokens = text(2, 30).to(like["device"])
    logits, _ = model(tokens[:, :-1])
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        memories = parameter.grad if ".start." in name else parameter.grad[None]
        assert all(memory.abs().max() > 0 for memory in memories), name


def test_gradients_of_a_model_of_hope_are_those_of_finite_differences():
    settings = {"chunk": 2, "periods": (1, 4), "hidden": 3, "memory_hidden": 3}
    model = LanguageModel(Hope, 4, 1, 5, settings, dtype=torch.float64)
    tokens, names = text(1, 6) % 5, [name for name, _ in model.named_parameters()]

    def through(*parameters):
        return torch.func.functional_call(model, dict(zip(names, parameters, strict=True)), (tokens,))[0]

    with torch.no_grad():
        model.embedding.mul_(50)
    assert torch.autograd.gradcheck(through, tuple(p.detach().requires_grad_() for p in model.parameters()))


@pytest.mark.parametrize("name", SMALL)
def test_training_in_half_precision_is_close_to_single(name):
    tokens, losses, slopes = text(4, 33), [], []
    for precision in (None, torch.bfloat16):
        model = make(name)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        losses.append(train(model, [tokens] * 4, next_token, optimizer, precision=precision)["loss"])
        slopes.append(torch.cat([w.grad.flatten() for w in model.parameters()]))
        assert all(w.dtype == torch.float32 and w.isfinite().all() for w in model.parameters())
    assert losses[0][-1] < losses[0][0]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert torch.cosine_similarity(*slopes, dim=0) > 0.98


@pytest.mark.parametrize("name", SMALL)
def test_by_default_a_model_stays_sane_for_4096_random_bytes(name):
    block, settings = SMALL[name]
    model = LanguageModel(block, settings={"rule": settings["rule"]} if "rule" in settings else {})
    tokens = torch.randint(256, (1, 4096), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, state = model(tokens)
    assert logits.isfinite().all()
    assert all(x.isfinite().all() for x in tensors(state))
    surprise = torch.nn.functional.cross_entropy(logits[0, :-1], tokens[0, 1:])
    assert abs(surprise - math.log(256)) < 0.5  # it has learned nothing yet, and claims little


def test_what_is_generated_comes_from_the_models_own_guesses(like):
    model, prompt = make("Hope", like), text(2, 9).to(like["device"])
    said, state = model.generate(prompt, 6, temperature=0)
    whole = torch.cat([prompt, said], 1)
    with torch.no_grad():
        logits, end = model(whole[:, :-1])
    assert torch.equal(logits[:, 8:].argmax(-1), said)
    for one, other in zip(tensors(state), tensors(end), strict=True):
        torch.testing.assert_close(one, other)
    more, _ = model.generate(said[:, -1:], 5, temperature=0, state=state)  # and on
    assert torch.equal(torch.cat([said, more], 1), model.generate(prompt, 11, temperature=0)[0])


def test_a_seed_gives_the_same_text_and_temperature_draws_as_the_model_says(like):
    model, prompt = make("HopeAttention", like), text(1, 5).to(like["device"])
    once, again, other = (model.generate(prompt, 30, seed=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    logits = model(prompt)[0][0, -1]
    for temperature in (1.0, 0.2):
        chances = (logits / temperature).softmax(-1)
        drawn, _ = model.generate(prompt.expand(4000, -1), 1, temperature)
        seen = torch.bincount(drawn[:, 0], minlength=20) / 4000
        assert (seen - chances).abs().max() < 4 * (0.25 / 4000) ** 0.5
    assert (chances - logits.softmax(-1)).abs().max() > 0.1  # the two are told apart


def test_what_is_drawn_for_a_text_does_not_depend_on_those_below_it(like):
    model, prompts = make("Hope", like), text(5, 4).to(like["device"])
    said, _ = model.generate(prompts, 20)
    assert torch.equal(model.generate(prompts[:2], 20)[0], said[:2])
    assert torch.equal(model.generate(prompts[:1], 20)[0], said[:1])
    same, _ = model.generate(prompts[:1].expand(2, -1), 20)
    assert not torch.equal(same[0], same[1])


@pytest.mark.parametrize("name", SMALL)
def test_a_detached_state_says_the_same_and_ends_the_outer_gradient(name):
    model, tokens = make(name), text(2, 20)
    _, state = model(tokens[:, :11])
    cut, slopes = model.detach(state), []
    assert torch.equal(model(tokens[:, 11:], cut)[0], model(tokens[:, 11:], state)[0])
    for start in (state, cut):
        (slope,) = torch.autograd.grad(model(tokens[:, 11:], start)[0].square().sum(), model.embedding)
        slopes.append(slope)
    before = sorted(set(tokens[:, :11].flatten().tolist()) - set(tokens[:, 11:].flatten().tolist()))
    assert slopes[0][before].abs().max() > 0
    assert not slopes[1][before].any()


def test_nothing_written_leaves_a_state_to_go_on_from(like):
    model, prompt = make("Hope", like), text(2, 4).to(like["device"])
    none, state = model.generate(prompt, 0)
    assert none.shape == (2, 0)
    assert torch.equal(model.generate(prompt, 3, state=state)[0], model.generate(prompt, 3)[0])
    _, read = model(prompt)
    assert model.generate(prompt, 0, state=read)[1] is read


def test_a_state_of_memories_does_not_grow_with_the_text():
    hope, attention = make("Hope"), make("HopeAttention")
    size = {
        (model, T): sum(x.numel() for x in tensors(model.generate(text(1, T), 1)[1]))
        for model in (hope, attention)
        for T in (10, 1000)
    }
    assert size[hope, 10] == size[hope, 1000]
    assert size[attention, 1000] > 50 * size[attention, 10]


@pytest.mark.parametrize("name", SMALL)
def test_a_saved_model_is_the_same_model(name, tmp_path, like):
    model, tokens = make(name, like), text(2, 9).to(like["device"])
    path = model.save(tmp_path / "new" / "model.safetensors")
    back = LanguageModel.load(path, like["device"])
    assert back.config == {**model.config, "block": model.config["block"], "settings": back.config["settings"]}
    assert torch.equal(back(tokens)[0], model(tokens)[0])
    told = json.loads(path.with_name("model.safetensors.json").read_text())
    assert told["block"] == SMALL[name][0].__name__
    assert told["d_model"] == 16
    assert "torch" in told["versions"]
    assert sorted(p.name for p in path.parent.iterdir()) == ["model.safetensors", "model.safetensors.json"]


def test_a_full_disk_leaves_the_model_that_was_there(tmp_path, monkeypatch):
    path, tokens = tmp_path / "model.safetensors", text(1, 5)
    first, second = make("Hope"), make("Hope")
    torch.nn.init.ones_(second.embedding)
    first.save(path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        second.save(path)
    assert torch.equal(LanguageModel.load(path)(tokens)[0], first(tokens)[0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.safetensors", "model.safetensors.json"]


def test_damaged_and_foreign_files_are_told_apart_from_models(tmp_path):
    path = make("Hope").save(tmp_path / "model.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="not a readable model file"):
        LanguageModel.load(path)
    with pytest.raises(FileNotFoundError, match=r"model\.save\(path\) makes one"):
        LanguageModel.load(tmp_path / "none.safetensors")


def test_blocks_and_rules_of_ones_own_are_found_again_and_missing_ones_are_named(tmp_path):
    class Tower(MemoryBlock):
        """A block of one's own."""

    @dataclass(frozen=True)
    class Slow(Delta):
        """A rule of one's own."""

    model = LanguageModel(Tower, 16, 1, 20, {"rule": Slow(lr=0.3), "heads": 2}, seed=1)
    path = model.save(tmp_path / "model.safetensors")
    back = LanguageModel.load(path)
    assert type(back.blocks[0]) is Tower
    assert back.config["settings"]["rule"] == Slow(lr=0.3)
    assert torch.equal(back(text(1, 5))[0], model(text(1, 5))[0])
    Slow.__name__ = "SlowNoMore"
    with pytest.raises(ValueError, match=r"a memory rule called Slow, here are .*Delta.*import the module"):
        LanguageModel.load(path)
    Slow.__name__, Tower.__name__ = "Slow", "TowerNoMore"
    with pytest.raises(ValueError, match=r"blocks called Tower, here are .*Hope.*import the module"):
        LanguageModel.load(path)


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    @dataclass(frozen=True)
    class Stray:
        """A rule that says it is one nowhere."""

    def saved(path="model.safetensors", **config):
        model = make("Hope")
        model.config |= config
        model.save(tmp_path / path)

    with pytest.raises(ValueError, match=r"Stray would not be found again; derive it from nl\.memory\.Rule"):
        saved(settings={"rule": Stray()})
    with pytest.raises(ValueError, match=r"Elsewhere would not be found again; derive it from nl\.nested\.Block"):
        saved(block=type("Elsewhere", (), {}))
    with pytest.raises(ValueError, match="a memory rule called of thumb, here are"):
        saved(settings={"rule": "of thumb"})
    with pytest.raises(TypeError, match="cannot describe SelfModifyingTitans"):
        saved(settings={"memories": SelfModifyingTitans(16)})
    with pytest.raises(ValueError, match=r"take model\.safetensors"):
        saved("model.json")
    model = make("Hope")
    model.head.weight = model.embedding
    with pytest.raises(ValueError, match=r"embedding and head\.weight are one tensor"):
        model.save(tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_double_precision_is_kept_to_the_last_digit(tmp_path):
    model = make("Hope").double()
    with torch.no_grad():
        for w in model.parameters():
            w.mul_(1 + 1e-12)
    back = LanguageModel.load(model.save(tmp_path / "model.v2"))
    assert (tmp_path / "model.v2.json").exists()
    for one, other in zip(back.parameters(), model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_every_layer_of_a_model_has_memories_of_its_own_and_their_arguments_are_kept(tmp_path):
    model = make("Hope", memories={"adaptive_query": True, "keep": 0.9})
    first, second = (block.mixer for block in model.blocks)
    assert {id(w) for w in first.parameters()}.isdisjoint(id(w) for w in second.parameters())
    drawn = [dict(block.named_parameters()) for block in model.blocks]
    for name in ("mixer.taps", "mixer.start.0", "mixer.out.weight", "cms.network.0.mlp.1.weight"):
        assert not torch.equal(drawn[0][name], drawn[1][name]), name
    back = LanguageModel.load(model.save(tmp_path / "model.safetensors"))
    assert torch.equal(back(text(1, 5))[0], model(text(1, 5))[0])
    assert "queries" in back.blocks[1].mixer.memories


def test_errors_say_what_to_type():
    model = make("Hope")
    with pytest.raises(ValueError, match="tokens are whole numbers"):
        model(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="1 token or more"):
        model.generate(text(1, 0), 3)
    with pytest.raises(ValueError, match="1 token or more"):
        model.generate(text(1, 2), 3, temperature=-1)


@pytest.mark.parametrize("name", SMALL)
def test_the_cost_is_known_before_anything_is_allocated(name):
    block, settings = SMALL[name]
    told = LanguageModel.cost(block, 16, 2, 20, settings, batch=2, length=10)
    model = LanguageModel(block, 16, 2, 20, settings)
    assert told.parameters == sum(p.numel() for p in model.parameters())
    assert told.weights == 4 * told.parameters
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.setdefault(x.data_ptr(), x) is None or x, lambda x: x):
        _, state = model(text(2, 10))
    assert told.state == sum(4 * x.numel() for x in tensors(state)) // 2
    own = {p.data_ptr() for p in model.parameters()}
    kept = sum(x.untyped_storage().nbytes() for at, x in kept.items() if at not in own)
    assert 0.8 < told.training / (4 * told.weights + kept) < 1.25


def test_a_model_far_too_large_for_this_machine_is_counted_at_once():
    told = LanguageModel.cost(HopeAttention, 8192, 40, 100_000, {"periods": (1,), "heads": 64}, length=8)
    assert told.parameters > 30e9
