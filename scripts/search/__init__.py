"""The search for the recipe `best`: candidates are trained on one source of photographs and scored on others as well.

Begin with `__main__`, which has the commands. `candidates` trains, `transfer` scores and compares, `table` prints, and
`post_processing` looks at what could be done with the masks afterwards. docs/recipe.md has the protocol and the results.
"""
