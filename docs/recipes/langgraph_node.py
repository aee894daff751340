"""A LangGraph node that routes, and interrupts the graph to ask the user.

Run it: pip install langgraph; python docs/recipes/langgraph_node.py "my model is slow"
"""

import sys
from typing import Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from router import Clarify, Router


class State(TypedDict, total=False):
    """What the graph carries: the request in, the flat record of the decision out."""

    request: str
    routed: dict[str, Any]


def routing_graph(router: Router) -> Any:  # noqa: ANN401 - the compiled graph's type is generic
    """Build a graph of one node; put yours behind it, one for each skill or action."""

    def route(state: State) -> State:
        decision = router.route(state["request"])
        while isinstance(decision, Clarify):
            # The node runs again from its start when the graph is resumed: routing is
            # deterministic and takes milliseconds, so that is harmless.
            reply = interrupt(decision.to_dict())
            decision = router.answer(decision, reply)
        return {"routed": decision.to_dict()}

    graph = StateGraph(State)
    graph.add_node("route", route)
    graph.add_edge(START, "route")
    graph.add_edge("route", END)
    return graph.compile(checkpointer=InMemorySaver())


def main() -> None:
    """Ask at the terminal."""
    graph = routing_graph(Router.load())
    config = {"configurable": {"thread_id": "1"}}
    state = graph.invoke({"request": sys.argv[1]}, config)
    while "__interrupt__" in state:
        asked = state["__interrupt__"][0].value
        options = "\n".join(f"- {option['label']}" for option in asked["options"])
        state = graph.invoke(Command(resume=input(f"{asked['asks']}\n{options}\n> ")), config)
    print(state["routed"])  # noqa: T201


if __name__ == "__main__":
    main()
