"""Serve a pack to agents over the Model Context Protocol."""

from router.commands.options import PackOption


def mcp_command(pack: PackOption = None) -> None:
    """Serve a pack to agents over the Model Context Protocol.

    The tools are route_query, answer_question, list_skills and read_skill. Standard output carries
    the protocol only, and the server ends when the client closes the connection.

    Example, in an agent's configuration:

        {"mcpServers": {"router": {"command": "router", "args": ["mcp"]}}}
    """
    from router.commands.options import load_router
    from router.errors import RouterError
    from router.paths import DEFAULT_PACK

    try:
        from router.mcp_server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types", "pydantic"):
            raise
        raise RouterError(
            "router mcp needs the official MCP SDK, which is not installed;"
            " cure: pip install 'mcp>=2.3,<3'"
        ) from error
    serve(lambda: load_router(pack), pack or DEFAULT_PACK)
