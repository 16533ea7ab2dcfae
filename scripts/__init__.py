"""Scripts of the project's maintainers: `search` looks for a recipe, `ship_models` trains the models that ship, `screenshots`
takes the pictures of the README.

They may use all of `seg_core` and `tests`. Run one with ``python -m scripts.NAME``.
"""
