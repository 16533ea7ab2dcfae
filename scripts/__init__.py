"""Scripts of the project's maintainers: `search` looks for a recipe, `ship_models` trains the models that ship.

They may use all of `seg_core`, and nothing imports them. Run one with ``python -m scripts.NAME``.
"""
