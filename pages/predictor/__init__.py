"""The Gradio widget of the page Predict: photographs in, the masks of two models side by side, and the endpoint ``/predict``.

`build_predictor` makes it; the host mounts it with `mount_settings`, because Gradio takes theme, style and script only there.
It knows `pages.shared` and the core, and never loads torch. Begin with `widget`, which connects the components of `layout` with
`handlers`. Importing this takes the seconds that importing Gradio takes.
"""

from __future__ import annotations

from pages.predictor.look import mount_settings
from pages.predictor.widget import build_predictor

__all__ = ["build_predictor", "mount_settings"]
