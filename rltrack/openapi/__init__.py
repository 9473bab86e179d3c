"""The OpenAPI description of a server, at `/api/openapi.json`: made from its routes as they are.

`document.py` puts it together; read that first. Each route has a line in a table that says what
goes in and out (`dashboard.py`, `team.py`), in shapes that are plain TypedDicts (`shapes.py`,
`team_shapes.py`), of which `schema.py` makes JSON Schema. What a route is for is said once, in
the docstring of its endpoint. Nothing here answers requests or checks them.
"""
