"""The floor: what the four pages cost with nothing between WSGI and SQL. No framework, no ORM, no templates, no policies.

It shows the same facts, asks for the same rights in its joins and writes the same durable rows, trail included. It is
no way to build the product: every guard that the product has by construction is here somebody's care.
"""
