"""Chat models that are asked plainly: as judges, as clients, as counsellors without a flow."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cbtguard.nodes.writers.naming import recordable, short
from cbtguard.nodes.writers.source import ModelSource, need_library
from cbtguard.safety.errors import CbtguardError, SettingsError, WriterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.nodes.writers.server import Server

Messages = list[dict[str, str]]
"""``role`` and ``content`` of each message."""
_MOST_TOKENS = 900


class Chat(Protocol):
    """A chat model."""

    @property
    def name(self) -> str:
        """Identifies the model."""
        ...

    async def say(self, messages: Messages, *, temperature: float = 0.0, seed: int = 0) -> str:
        """Return what the model says next.

        Raises:
            WriterError: When it cannot.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A chat model as a command names it: ``chat:MODEL@URL`` or ``transformers:FOLDER``."""

    kind: str
    model: str
    url: str = ""


def spec_of(text: str) -> Spec:
    """Return the parts of a name.

    Raises:
        SettingsError: ``settings.invalid`` for a name of another form.
    """
    kind, _, rest = text.partition(":")
    # A model's name may hold @ and an address too, so the address is what stands behind the last one.
    model, _, url = rest.rpartition("@")
    if kind in {"chat", "openai"} and model and url.startswith(("http://", "https://")):
        return Spec(kind=kind, model=model, url=url)
    if kind == "transformers" and rest:
        return Spec(kind=kind, model=rest)
    raise SettingsError(
        "settings.invalid",
        "A chat model is named chat:MODEL@URL or transformers:FOLDER.",
        hint="Such as chat:qwen3@http://127.0.0.1:8000/v1.",
    )


def load_chat(text: str, *, key_env: str | None = None) -> Chat:
    """Return the chat model of a name; nothing is asked or loaded yet.

    Args:
        text: The name, as in :class:`Spec`.
        key_env: Variable of the environment that holds the server's key.

    Raises:
        SettingsError: ``settings.invalid``.
        DependencyError: ``dependency.library``.
    """
    spec = spec_of(text)
    return (
        LocalChat(spec.model)
        if spec.kind == "transformers"
        else ServerChat(server_of(spec, key_env), spec.model)
    )


def server_of(spec: Spec, key_env: str | None) -> Server:
    """Return the server of a name.

    Raises:
        SettingsError: ``settings.invalid`` for an address that cannot be used, or a variable that is not set.
    """
    from pydantic import SecretStr  # noqa: PLC0415 - keeps help fast

    from cbtguard.nodes.writers.server import Server, Times  # noqa: PLC0415 - the same

    key = os.environ.get(key_env, "").strip() if key_env else ""
    if key_env and not key:
        raise SettingsError(
            "settings.invalid",
            f"The variable {key_env!r} is not set.",
            hint="Set it to the key of the server.",
        )
    return Server(url=spec.url, key=SecretStr(key), times=Times(read_s=120.0, total_s=300.0), retries=1)


class ServerChat:
    """The chat completions of an OpenAI-compatible server.

    Args:
        server: Where it is.
        model: Model, as the server calls it.

    Raises:
        DependencyError: ``dependency.library`` when ``openai`` is not installed.
    """

    def __init__(self, server: Server, model: str) -> None:
        need_library("openai", "A chat model behind a server needs it.")
        self.name = recordable(f"chat/{short(model)}")
        self._server, self._model = server, model

    async def say(self, messages: Messages, *, temperature: float = 0.0, seed: int = 0) -> str:
        """Return what the model says next; see :class:`Chat`.

        Raises:
            WriterError: As :class:`cbtguard.nodes.writers.openai.OpenAIWriter`.
        """
        from cbtguard.nodes.writers.failures import GARBLED, failure_of  # noqa: PLC0415 - keeps help fast

        failure = GARBLED
        asked: Any = messages
        try:
            async with asyncio.timeout(self._server.times.total_s), self._server.new_client() as client:
                done = await client.chat.completions.create(
                    model=self._model,
                    messages=asked,
                    max_tokens=_MOST_TOKENS,
                    temperature=temperature,
                    seed=seed,
                )
            if done.choices and isinstance(done.choices[0].message.content, str):
                return done.choices[0].message.content
        except Exception as error:  # noqa: BLE001 - a client of a service fails in any way
            failure = failure_of(error)
        # Raised out here: the original may quote the prompt.
        raise failure.error(self.name)


class LocalChat:
    """A causal language model of this machine with a chat template; loaded at the first call.

    Args:
        name: Folder, GGUF file in one, or hub name in the local cache.
    """

    def __init__(self, name: str) -> None:
        self._source = ModelSource(name=name)
        self.name = recordable(f"transformers/{short(name)}")
        self._loaded: Any = None

    async def say(self, messages: Messages, *, temperature: float = 0.0, seed: int = 0) -> str:
        """Return what the model says next; see :class:`Chat`.

        Raises:
            DependencyError: ``dependency.library`` or ``dependency.model``.
            WriterError: ``writer.model``, ``writer.too_long`` or ``writer.failed``.
        """
        cause = ""
        try:
            return await asyncio.to_thread(self._say, messages, temperature, seed)
        except CbtguardError:
            raise
        except Exception as error:  # noqa: BLE001 - a model, or its own code, fails in any way
            cause = type(error).__name__
        raise WriterError(
            "writer.failed", f"The local model said nothing ({cause}).", hint="Check memory and weights."
        )

    def _say(self, messages: Sequence[dict[str, str]], temperature: float, seed: int) -> str:
        import torch  # noqa: PLC0415 - heavy

        from cbtguard.nodes.writers.model import load_model  # noqa: PLC0415 - the same

        if self._loaded is None:
            self._loaded = load_model(self._source)
        loaded = self._loaded
        tokenizer = loaded.tokenizer
        if tokenizer.chat_template:
            text = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        else:
            text = "\n\n".join(message["content"] for message in messages) + "\n\n"
        # A chat template has written the special tokens itself.
        inputs = tokenizer(text, return_tensors="pt", add_special_tokens=not tokenizer.chat_template)
        inputs = inputs.to(loaded.model.device)
        most = min(_MOST_TOKENS, loaded.context // 2)
        # Half a text gets a rating of something else, so nothing is cut.
        if inputs["input_ids"].shape[1] > loaded.context - most:
            raise WriterError(
                "writer.too_long",
                f"The text does not fit into the {loaded.context} tokens of the model.",
                hint="Use a model with a longer context.",
            )
        how: dict[str, Any] = {"do_sample": temperature > 0}
        if temperature > 0:
            torch.manual_seed(seed)
            how["temperature"] = temperature
        with torch.inference_mode():
            out = loaded.model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                max_new_tokens=most,
                eos_token_id=list(loaded.ends) or None,
                pad_token_id=loaded.ends[0] if loaded.ends else 0,
                **how,
            )
        return str(tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)).strip()
