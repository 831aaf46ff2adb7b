"""Encoders: unit vectors, the same through sentence-transformers, and typed errors without the network."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cbtguard.nodes.retrieval.encoder import EMBEDDED, EmbeddedEncoder, Encoder, load_encoder
from cbtguard.safety.errors import DependencyError

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["我最近总是失眠", "I can't sleep at night", "<人名1>总是骂我", "x"]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Any attempt to look up a host or to connect is noted and refused."""
    tried: list[str] = []

    def refuse(*args: Any, **_: Any) -> Any:
        tried.append(str(args))
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tried


def test_embedded_vectors(encoder: EmbeddedEncoder) -> None:
    assert isinstance(encoder, Encoder)
    for encode in (encoder.queries, encoder.passages):
        vectors = encode(TEXTS)
        assert vectors.shape == (len(TEXTS), 384)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
        assert np.array_equal(vectors, encode(TEXTS))
    assert not np.allclose(encoder.queries(TEXTS), encoder.passages(TEXTS))


def test_close_meanings_lie_closer(encoder: EmbeddedEncoder) -> None:
    sleep, insomnia, money = encoder.queries(["我最近总是失眠", "我晚上老是睡不着", "信用卡的钱还不上"])
    assert sleep @ insomnia > sleep @ money


def test_embedded_as_sentence_transformer_gives_the_same_vectors(encoder: EmbeddedEncoder) -> None:
    from cbtguard.nodes.retrieval.hub import (  # noqa: PLC0415 - imports torch
        HubEncoder,
        embedded_sentence_transformer,
    )

    hub = HubEncoder(embedded_sentence_transformer())
    assert isinstance(hub, Encoder)
    for direct, through in ((encoder.queries, hub.queries), (encoder.passages, hub.passages)):
        cosines = np.einsum("ij,ij->i", direct(TEXTS), through(TEXTS))
        assert cosines.min() > 0.999
    assert hub.name.startswith("sentence-transformers/")


@pytest.mark.parametrize("name", ["no-such-owner/no-such-model", "/no/such/folder"])
def test_a_missing_model_is_a_typed_error_without_the_network(name: str, no_network: list[str]) -> None:
    with pytest.raises(DependencyError) as caught:
        load_encoder(name)
    assert caught.value.code == "dependency.encoder"
    assert name in caught.value.message
    assert no_network == []


def test_a_folder_without_a_model_is_a_typed_error(tmp_path: Path, no_network: list[str]) -> None:
    with pytest.raises(DependencyError) as caught:
        load_encoder(str(tmp_path))
    assert caught.value.code == "dependency.encoder"
    assert no_network == []


def test_the_embedded_encoder_by_name() -> None:
    assert isinstance(load_encoder(EMBEDDED), EmbeddedEncoder)
