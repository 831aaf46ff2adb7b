"""NeMo Guardrails: its regex rails on what comes in and goes out, and an action that masks personal data."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import measuring

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("NEMO_GUARDRAILS_NO_USAGE_STATS", "1")
REFUSAL = "I can't respond to that."
COLANG = """
define bot refuse to respond
  "I can't respond to that."

define subflow mask personal data
  $user_message = execute mask_personal_data(text=$user_message)
"""


def make() -> tuple[Callable[[str], Any], Callable[[str], bool]]:
    """Return a turn and the rail."""
    from nemoguardrails import LLMRails, RailsConfig  # noqa: PLC0415 - counted in the cold start
    from nemoguardrails.types import LLMResponse, LLMResponseChunk  # noqa: PLC0415 - the same

    answer = measuring.answer()

    class Stub:
        model_name = "stub"
        provider_name = "stub"
        provider_url = None

        async def generate_async(self, prompt: Any, *, stop: Any = None, **_: Any) -> LLMResponse:
            return LLMResponse(content=answer)

        async def stream_async(
            self, prompt: Any, *, stop: Any = None, **_: Any
        ) -> AsyncIterator[LLMResponseChunk]:
            yield LLMResponseChunk(delta_content=answer)

    patterns = {"patterns": [re.escape(term) for term in measuring.keywords()], "case_insensitive": True}
    config = {
        "models": [],
        "rails": {
            "config": {"regex_detection": {"input": patterns, "output": patterns}},
            "input": {"flows": ["regex check input", "mask personal data"]},
            "output": {"flows": ["regex check output"]},
        },
    }
    rails = LLMRails(
        RailsConfig.from_content(colang_content=COLANG, yaml_content=json.dumps(config)), llm=Stub()
    )

    async def mask(text: str) -> str:
        return measuring.masked(text)

    rails.register_action(mask, "mask_personal_data")

    def turn(text: str) -> str:
        return str(rails.generate(messages=[{"role": "user", "content": text}])["content"])

    return turn, lambda text: turn(text).endswith(REFUSAL[-16:])


if __name__ == "__main__":
    measuring.main(make)
