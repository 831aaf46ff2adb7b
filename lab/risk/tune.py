"""Tuning one layer of the encoder on labelled lines, on one thread, to the same weights every time."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.e5.engine import DIMENSIONS, engine
from cbtguard.safety.risk.model import Kind, Level, Subject
from cbtguard.safety.risk.neural import PREFIX, Tuned
from cbtguard.safety.risk.weights import HEADS, LEVEL_HEADS, OTHER_HEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from cbtguard.lab.risk.lines import Line

_MATRICES = {"q": 384, "k": 384, "v": 384, "ao": 384, "fi": 384, "fo": 1536}
_NORMS = ("aln", "oln")
_TOKENS = 160
"""Longest line that is read whole in training; of a longer one the beginning."""
_BATCH = 32
_SHUFFLED = 20
"""Batches whose lines are sorted by length together."""
_RATE, _HEAD_RATE, _DECAY, _WARM = 3e-4, 1e-3, 0.05, 60
_DROPPED_TOKENS, _DROPPED = 0.1, 0.2
_HINT_WEIGHT = 0.3
_SHARES = {"crisis": 2.0, "watch": 1.0, "emergency": 1.0}
_OTHERS = 0.5
_OTHERWISE = 0.4
"""How often a line is shown as it was said otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class States:
    """What the lower half of the encoder makes of each line, kept so that it is asked once."""

    tokens: tuple[NDArray[np.float16], ...]
    again: tuple[NDArray[np.float16], ...] = ()
    """The same of each line said otherwise (see :mod:`cbtguard.lab.risk.otherwise`), where there is that."""


def states_of(texts: Sequence[str | None], say: Callable[[str], None]) -> States:
    """Return the states of normalised lines, of None for those that are not read; about 20 ms a line."""
    encoder = engine()
    kept: list[NDArray[np.float16]] = [np.zeros((0, DIMENSIONS), np.float16)] * len(texts)
    plain = ["" if text is None else PREFIX + text for text in texts]
    start = time.monotonic()
    order = sorted((n for n, text in enumerate(plain) if text), key=lambda number: len(plain[number]))
    for place in range(0, len(order), 256):
        numbers = order[place : place + 256]
        for owners, states, mask in encoder.halfway([plain[number] for number in numbers]):
            for owner, state, row in zip(owners, states, mask, strict=True):
                if not len(kept[numbers[owner]]):
                    kept[numbers[owner]] = state[: min(int(row.sum()), _TOKENS)].astype(np.float16)
    say(f"{len(order)} lines encoded in {time.monotonic() - start:.0f} s")
    return States(tokens=tuple(kept))


def tune(
    lines: Sequence[Line],
    states: States,
    chosen: frozenset[int] | None = None,
    *,
    epochs: int = 4,
    say: Callable[[str], None],
) -> Tuned:
    """Return the layer after the lower half, tuned on some of the lines; one thread, fixed seeds.

    Args:
        lines: All lines.
        states: Their states.
        chosen: Which lines to train on; None for all. Lines without states are left out.
        epochs: Passes over them.
        say: Told how it goes.
    """
    import torch  # noqa: PLC0415 - for training only

    used = [n for n, tokens in enumerate(states.tokens) if len(tokens) and (chosen is None or n in chosen)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    order = random.Random(0)  # noqa: S311 - a shuffle, not a secret
    layer = engine().weights.shape.layers // 2
    net = _net(layer)
    target, weight = (torch.from_numpy(table) for table in _targets(lines))
    heads = [p for name, p in net.named_parameters() if name.startswith("head")]
    rest = [p for name, p in net.named_parameters() if not name.startswith("head")]
    optimiser = torch.optim.AdamW(
        [{"params": rest, "lr": _RATE}, {"params": heads, "lr": _HEAD_RATE}], weight_decay=_DECAY
    )
    total = epochs * -(-len(used) // _BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, step / _WARM) * max(0.02, 1 - step / total)
    )
    start = time.monotonic()
    net.train()
    try:
        for epoch in range(epochs):
            for batch in _batches(used, states, order):
                x, mask = _padded(batch, states, order)
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    net(x, mask), target[batch], weight=weight[batch], reduction="sum"
                ) / len(batch)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call,unused-ignore] # torch has no types for it
                torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimiser.step()
                schedule.step()
            say(f"  pass {epoch + 1} of {epochs}, loss {loss.item():.2f}, {time.monotonic() - start:.0f} s")
    finally:
        torch.set_num_threads(threads)
    return _packed(net, layer)


def _net(layer: int) -> Any:
    import torch  # noqa: PLC0415 - for training only
    from torch.nn import functional as f  # noqa: PLC0415 - the same

    weights = engine().weights

    def parameter(values: NDArray[np.float32]) -> Any:
        return torch.nn.Parameter(torch.from_numpy(np.array(values)))

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.b = torch.nn.ParameterDict(), torch.nn.ParameterDict()
            for name, columns in _MATRICES.items():
                self.w[name] = parameter(weights.matrix(f"l{layer}.{name}.w", columns))
                self.b[name] = parameter(weights.vector(f"l{layer}.{name}.b"))
            for name in _NORMS:
                self.w[name] = parameter(weights.vector(f"l{layer}.{name}.w"))
                self.b[name] = parameter(weights.vector(f"l{layer}.{name}.b"))
            self.head = torch.nn.Linear(2 * DIMENSIONS, len(HEADS))
            self.drop = torch.nn.Dropout(_DROPPED)

        def forward(self, x: Any, mask: Any) -> Any:
            if self.training:
                x = x * (torch.rand_like(x[..., :1]) > _DROPPED_TOKENS) / (1 - _DROPPED_TOKENS)
            shape = weights.shape
            split = (*x.shape[:2], shape.heads, DIMENSIONS // shape.heads)

            def linear(name: str, value: Any) -> Any:
                return f.linear(value, self.w[name], self.b[name])

            q, k, v = (linear(name, x).view(split).transpose(1, 2) for name in ("q", "k", "v"))
            mixed = f.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
            size = (DIMENSIONS,)
            x = x + linear("ao", mixed.transpose(1, 2).reshape(x.shape))
            x = f.layer_norm(x, size, self.w["aln"], self.b["aln"], shape.epsilon)
            x = x + linear("fo", f.gelu(linear("fi", x)))
            x = f.layer_norm(x, size, self.w["oln"], self.b["oln"], shape.epsilon)
            there = mask[..., None]
            mean = (x * there).sum(1) / there.sum(1)
            highest = x.masked_fill(~there, -1e4).max(1).values
            return self.head(self.drop(torch.cat([mean, highest], dim=1)))

    return Net()


def _packed(net: Any, layer: int) -> Tuned:
    def half(parameter: Any) -> NDArray[np.float16]:
        values: NDArray[np.float16] = parameter.detach().numpy().astype(np.float16)
        return values

    return Tuned(
        layer=layer,
        matrices={f"{name}.w": half(net.w[name]) for name in _MATRICES},
        vectors={
            **{f"{name}.b": half(net.b[name]) for name in (*_MATRICES, *_NORMS)},
            **{f"{name}.w": half(net.w[name]) for name in _NORMS},
        },
        heads=net.head.weight.detach().numpy().astype(np.float32),
        biases=net.head.bias.detach().numpy().astype(np.float32),
    )


def _batches(chosen: list[int], states: States, order: random.Random) -> list[list[int]]:
    order.shuffle(chosen)
    batches: list[list[int]] = []
    for place in range(0, len(chosen), _BATCH * _SHUFFLED):
        near = sorted(chosen[place : place + _BATCH * _SHUFFLED], key=lambda n: len(states.tokens[n]))
        some = [near[i : i + _BATCH] for i in range(0, len(near), _BATCH)]
        order.shuffle(some)
        batches += some
    return batches


def _padded(batch: Sequence[int], states: States, order: random.Random) -> tuple[Any, Any]:
    """Return states and mask of a batch, each line as it was written or said otherwise, as chance has it."""
    import torch  # noqa: PLC0415 - for training only

    shown = [
        states.again[n] if states.again and order.random() < _OTHERWISE else states.tokens[n] for n in batch
    ]
    width = max(len(tokens) for tokens in shown)
    x = np.zeros((len(batch), width, DIMENSIONS), np.float32)
    mask = np.zeros((len(batch), width), bool)
    for row, tokens in enumerate(shown):
        x[row, : len(tokens)], mask[row, : len(tokens)] = tokens, True
    return torch.from_numpy(x), torch.from_numpy(mask)


def _targets(lines: Sequence[Line]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what each head should say of each line, and how much that counts."""
    target = np.zeros((len(lines), len(HEADS)), np.float32)
    weight = np.zeros((len(lines), len(HEADS)), np.float32)
    for row, line in enumerate(lines):
        for column, head in enumerate(HEADS):
            if head in LEVEL_HEADS:
                target[row, column] = line.level.rank >= Level(head).rank
                hint = head == "crisis" and line.level is Level.WATCH
                weight[row, column] = _SHARES[head] * (_HINT_WEIGHT if hint else 1.0)
            elif line.kinds and line.level is not Level.NONE:
                marked = line.subject is Subject.OTHER if head == OTHER_HEAD else Kind(head) in line.kinds
                target[row, column], weight[row, column] = marked, _OTHERS
    return target, weight
