"""What must hold in every world: the same tests run in memory (unit) and on real servers (integration).

Each tier's conftest gives them `make_world`, a function from settings to a fresh world.
"""
