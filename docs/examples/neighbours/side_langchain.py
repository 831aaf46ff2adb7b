"""An agent of LangChain's: its PII middleware, and keyword rails before and after the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import measuring

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSAL = "I can't respond to that."


def make() -> tuple[Callable[[str], Any], Callable[[str], bool]]:
    """Return a turn and the rail."""
    from langchain.agents import create_agent  # noqa: PLC0415 - counted in the cold start
    from langchain.agents.middleware import (  # noqa: PLC0415 - the same
        AgentMiddleware,
        PIIMiddleware,
        hook_config,
    )
    from langchain_core.language_models import FakeListChatModel  # noqa: PLC0415 - the same
    from langchain_core.messages import AIMessage  # noqa: PLC0415 - the same

    terms = measuring.pattern()
    answer = measuring.answer()

    class Keywords(AgentMiddleware):
        @hook_config(can_jump_to=["end"])
        def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
            if terms.search(state["messages"][-1].text):
                return {"messages": [AIMessage(REFUSAL)], "jump_to": "end"}
            return None

        def after_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
            last = state["messages"][-1]
            if terms.search(last.text):
                return {"messages": [AIMessage(REFUSAL, id=last.id)]}
            return None

    agent = create_agent(
        FakeListChatModel(responses=[answer]),
        middleware=[
            Keywords(),
            PIIMiddleware("email", strategy="redact"),
            PIIMiddleware("phone", detector=measuring.PHONE.pattern, strategy="redact"),
        ],
    )

    def turn(text: str) -> str:
        return str(agent.invoke({"messages": [("user", text)]})["messages"][-1].text)

    return turn, lambda text: turn(text) == REFUSAL


if __name__ == "__main__":
    measuring.main(make)
