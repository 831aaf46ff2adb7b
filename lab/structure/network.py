"""The network over the sentences of an answer, trained on sentences where they are labelled, else on answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.structure.model import Part
from cbtguard.safety.structure.weights import WIDTH, Net

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_HIDDEN = 24
_EPOCHS = 12
_BATCH = 16
_RATE, _SLOWING, _DECAY = 3e-3, 0.85, 1e-3
_SENTENCE = 0.5
"""What the labels of an answer's sentences count beside those of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instance:
    """An answer as the network sees it."""

    context: NDArray[np.float64]
    labels: NDArray[np.float64] | None
    """Of each sentence, None when they are not known."""
    present: NDArray[np.float64] | None
    """Of the answer; None for the beginning of one."""


def fit_network(instances: Sequence[Instance], *, epochs: int = _EPOCHS, seed: int = 0) -> Net:
    """Return the network trained on ``instances``, in one thread, the same for the same seed."""
    import torch  # noqa: PLC0415 - seconds

    kept = [instance for instance in instances if len(instance.context)]
    stacked = np.concatenate([instance.context for instance in kept])
    mean, spread = stacked.mean(axis=0), stacked.std(axis=0) + 1e-3
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        weights = _trained(kept, mean, spread, epochs, seed)
    finally:
        torch.set_num_threads(threads)
    return Net(
        mean=mean.astype(np.float32),
        spread=spread.astype(np.float32),
        **{name: tensor.astype(np.float32) for name, tensor in weights.items()},
    )


def _trained(
    instances: Sequence[Instance],
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    epochs: int,
    seed: int,
) -> dict[str, NDArray[np.float64]]:
    import torch  # noqa: PLC0415 - seconds

    generator = torch.Generator().manual_seed(seed)

    def made(*shape: int, scale: float) -> Any:
        tensor = torch.empty(*shape, dtype=torch.float64).uniform_(-scale, scale, generator=generator)
        return tensor.requires_grad_()

    edge, parts = WIDTH**-0.5, len(Part)
    weights = {
        "inner": made(WIDTH, _HIDDEN, scale=edge),
        "inner_bias": made(_HIDDEN, scale=edge),
        "outer": made(_HIDDEN, parts, scale=_HIDDEN**-0.5),
        "outer_bias": made(parts, scale=_HIDDEN**-0.5),
        "straight": made(WIDTH, parts, scale=edge),
        "shift": made(parts, scale=0.0),
    }
    optimiser = torch.optim.AdamW(list(weights.values()), lr=_RATE, weight_decay=_DECAY)
    data = [
        (
            torch.tensor((instance.context - mean) / spread),
            None if instance.labels is None else torch.tensor(instance.labels),
            None if instance.present is None else torch.tensor(instance.present),
        )
        for instance in instances
    ]
    cost = torch.nn.functional.binary_cross_entropy_with_logits
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        shuffled = order.permutation(len(data))
        for begin in range(0, len(shuffled), _BATCH):
            optimiser.zero_grad()
            loss = torch.zeros((), dtype=torch.float64)
            for place in shuffled[begin : begin + _BATCH]:
                seen, labels, present = data[place]
                hidden = torch.tanh(seen @ weights["inner"] + weights["inner_bias"])
                logits = hidden @ weights["outer"] + weights["outer_bias"] + seen @ weights["straight"]
                if labels is not None:
                    loss = loss + _SENTENCE * cost(logits, labels)
                if present is not None:
                    loss = loss + cost(torch.logsumexp(logits, 0) + weights["shift"], present)
            torch.autograd.backward(loss / _BATCH)
            optimiser.step()
        for group in optimiser.param_groups:
            group["lr"] *= _SLOWING
    return {name: tensor.detach().numpy() for name, tensor in weights.items()}
