"""A language model: tokens in, a guess at the next one out, made of blocks of one kind.

    x ← embedding[token];   x ← block(x), layer by layer;   logits ← W norm(x)

Every block carries a state, so that text can be read in pieces and generated token by token; where the blocks are
memories, each token costs the same, however long the text.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...runtime import generator
from .block import Block
from .cost import Cost, cost
from .layer import linear
from .model_files import load, save, subclasses

State = tuple[Any, ...]


class LanguageModel(nn.Module):
    """Embedding, blocks, head.

    Args:
        block: its kind, called as `block(d_model, seed=, **settings)`: `Hope`, `HopeAttention`, `MemoryBlock`.
        d_model: features of a token between blocks.
        layers: how many blocks.
        vocabulary: how many tokens there are; 256 for bytes.
        settings: further arguments of each block, by name.
        seed: of the initial weights.

    >>> from nlviz.nested import Hope
    >>> model = LanguageModel(Hope, d_model=16, layers=2, settings={"heads": 2, "chunk": 16})
    >>> text = torch.tensor([list(b"to be, or not to be")])
    >>> logits, state = model(text)
    >>> logits.shape
    torch.Size([1, 19, 256])
    >>> more, state = model.generate(text, length=5)
    >>> more.shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        block: type[Block],
        d_model: int = 128,
        layers: int = 2,
        vocabulary: int = 256,
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "block": block,
            "d_model": d_model,
            "layers": layers,
            "vocabulary": vocabulary,
            "settings": dict(settings or {}),
            "seed": seed,
        }
        draws = generator(seed)
        self.embedding = nn.Parameter(0.02 * torch.randn(vocabulary, d_model, generator=draws))
        make: Any = block
        self.blocks: Any = nn.ModuleList(
            make(d_model, seed=1000 * seed + 10 * i, **(settings or {})) for i in range(1, layers + 1)
        )
        self.norm = nn.RMSNorm(d_model)
        self.head = linear(d_model, vocabulary, draws)
        self.to(dtype=dtype, device=device)

    def init(self, batch: int) -> State:
        """The state before the first token."""
        return tuple(block.init(batch) for block in self.blocks)

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Guess the token after each.

        Args:
            tokens: `(batch, T)`, whole numbers from 0 to vocabulary − 1.
            state: to go on from, of `init` or of an earlier call; None: `init`. It is not changed.

        Returns:
            Logits `(batch, T, vocabulary)`, and the state after the last token.

        Raises:
            ValueError: for tokens that are no whole numbers `(batch, T)`.
        """
        if tokens.ndim != 2 or tokens.is_floating_point():
            raise ValueError(
                f"LanguageModel: tokens are whole numbers (batch, T), torch.tensor([list(b'text')]) say; got "
                f"{tuple(tokens.shape)} of {tokens.dtype}"
            )
        state = self.init(tokens.shape[0]) if state is None else state
        x, after = nn.functional.embedding(tokens, self.embedding), []
        for block, before in zip(self.blocks, state, strict=True):
            x, now = block(x, before)
            after.append(now)
        return self.head(self.norm(x)), tuple(after)

    @torch.no_grad()
    def generate(
        self,
        prompt: Tensor,
        length: int,
        temperature: float = 1.0,
        seed: int = 0,
        state: State | None = None,
    ) -> tuple[Tensor, State]:
        """Write on, token by token.

        Args:
            prompt: `(batch, T)`, 1 token or more.
            length: how many tokens to write.
            temperature: 0 takes the likeliest token, 1 draws as the model says, more draws more evenly.
            seed: of the draws, which are the same on every machine and, for each row, whatever the others are. To go on
                writing take another one: the same would draw the same again.
            state: of an earlier call, whose text the prompt goes on with.

        Returns:
            The tokens `(batch, length)`, and the state that has read all of them but the last: give that one as the
            next prompt to write on. For length 0 the state that was given, or of `init`.

        Raises:
            ValueError: for an empty prompt or a temperature below 0.
        """
        if prompt.shape[-1] < 1 or temperature < 0:
            raise ValueError(
                f"LanguageModel.generate: the prompt holds 1 token or more and the temperature is 0 or more; got "
                f"{prompt.shape[-1]} tokens and {temperature}"
            )
        draws = [generator(seed + 1_000_003 * row) for row in range(len(prompt))]
        state, tokens = self.init(len(prompt)) if state is None else state, []
        for _ in range(length):
            logits, state = self(prompt, state)
            scores = logits[:, -1].float()
            if temperature > 0:  # the largest of scores with Gumbel noise is a draw from their softmax
                even = torch.stack([torch.rand(scores.shape[1], generator=one) for one in draws])
                scores = scores / temperature - even.clamp_min(1e-20).log().neg().log().to(scores.device)
            prompt = scores.argmax(-1, keepdim=True)
            tokens.append(prompt)
        return torch.cat([prompt[:, :0], *tokens], 1), state

    def detach(self, state: State) -> State:
        """The same state without its history: outer gradients stop here."""
        return tuple(block.detach(now) for block, now in zip(self.blocks, state, strict=True))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write weights and description as one safetensors file, all of it or nothing, and a readable `.json` too.

        Args:
            path: `hope.safetensors`, say; `hope.safetensors.json` is then the readable one.

        Raises:
            ValueError, TypeError: for what `load` could not build again: tied weights, blocks that are none, settings
                other than numbers, words and memory rules.
        """
        block = self.config["block"]
        name = getattr(block, "__name__", str(block))
        if _blocks().get(name) is not block:
            raise ValueError(
                f"a model file names blocks by their class, and {name} would not be found again; derive it from "
                "nl.nested.Block, under a name of its own"
            )
        return save(path, self.state_dict(), {**self.config, "block": name})

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: torch.device | str | None = None) -> Self:
        """The model that `save` wrote.

        Args:
            device: where to; default the CPU.

        Raises:
            FileNotFoundError: where there is no file.
            ValueError: for a file that is damaged, or made of blocks or rules that are not imported here.
        """
        weights, config = load(path)
        kinds = _blocks()
        if config["block"] not in kinds:
            raise ValueError(
                f"{path} is made of blocks called {config['block']}, here are {', '.join(sorted(kinds))}; import the "
                "module that defines it first"
            )
        names = ("d_model", "layers", "vocabulary", "settings", "seed")
        told = {name: config[name] for name in names}
        model = cls(kinds[config["block"]], **told, dtype=weights["embedding"].dtype)  # as precise as what is stored
        model.load_state_dict(weights)
        return model.to(device=device)

    @classmethod
    def cost(
        cls,
        block: type[Block],
        d_model: int = 128,
        layers: int = 2,
        vocabulary: int = 256,
        settings: Mapping[str, Any] | None = None,
        batch: int = 1,
        length: int = 256,
    ) -> Cost:
        """Parameters and bytes of such a model, in float32, before anything is allocated.

        Args:
            block, d_model, layers, vocabulary, settings: as for the model.
            batch, length: of the call whose training is counted.

        >>> from nlviz.nested import HopeAttention
        >>> LanguageModel.cost(HopeAttention, d_model=64, settings={"periods": (1,)}, length=16).parameters
        132160
        """
        return cost(
            lambda: cls(block, d_model, layers, vocabulary, settings),
            lambda: torch.zeros(batch, length, dtype=torch.long),
        )


def _blocks() -> dict[str, type[Block]]:
    """The kinds of blocks there are, so far imported, by name."""
    return {kind.__name__: kind for kind in subclasses(Block)}
