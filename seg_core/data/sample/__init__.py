"""The built-in dataset `sample`: synthetic lesion photographs, painted on this machine without any real pixel.

It knows only `seg_core.common` and `errors`. Begin with `folder.sample_folder`; `painter` paints a photograph with its mask,
and `artefacts` adds hairs, rulers and the like.
"""
