"""Masks: what their files hold and what it means, by one rule for a folder, the same for truth and for predictions.

Begin with `folder.MaskFolderRule`, which looks at a sample of the files: `decide` says what is lesion, `rule` then reads every
file by it, and `pixels` decodes. docs/data.md has the rules as a table.
"""
