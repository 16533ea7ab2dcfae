"""The look of the Gradio widget: the app's theme in Gradio's terms, its style and its script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils.colors import Color

from pages.shared.theme import DARK, FONT, LIGHT, RADIUS

HERE = Path(__file__).parent
LARGEST_UPLOAD = "200mb"


def mount_settings() -> dict[str, Any]:
    """Settings for `gradio.mount_gradio_app` beside the blocks and the path: theme, style, script, limits, no history."""
    script = (HERE / "predictor.js").read_text(encoding="utf-8")
    return {
        "theme": theme(),
        "css_paths": HERE / "predictor.css",
        "head": f"<link rel='icon' href='../assets/mark.svg'><script>{script}</script>",
        "max_file_size": LARGEST_UPLOAD,
        "show_error": False,  # of errors that are no gr.Error: they are of no use to a visitor, and name files of the server
        "run_history": False,
        "footer_links": [],
        "ssr_mode": False,
        "enable_monitoring": False,
    }


def theme() -> gr.themes.Base:
    """Gradio's base theme in the app's colours, with the fonts of the system: nothing is fetched from the network."""
    # Eleven shades each, from light to dark, as Gradio wants them, with the app's own colours among them.
    blues = f"#e8f3f8 #cfe5ef #a5cfe1 #74b5d0 {DARK.primary} #1f8ab8 {LIGHT.primary} #095b7f #084a68 #073b53 #052a3b"
    light_greys = f"{LIGHT.secondary} #eceff3 {LIGHT.border} #b8c1cc #7f8b99 #596574"
    dark_greys = f"#47525f {DARK.border} {DARK.secondary} {DARK.background} #0c0f13"
    base = gr.themes.Base(
        primary_hue=Color(*blues.split()),
        secondary_hue=Color(*blues.split()),
        neutral_hue=Color(*light_greys.split(), *dark_greys.split()),
        font=[name.strip().strip("'") for name in FONT.split(",")],
        font_mono=["ui-monospace", "monospace"],
    )
    colours = {
        "body_background_fill": "background",
        "body_text_color": "text",
        "background_fill_primary": "background",
        "background_fill_secondary": "secondary",
        "block_background_fill": "background",
        "block_border_color": "border",
        "block_label_background_fill": "background",
        "block_label_text_color": "text",
        "block_title_text_color": "text",
        "border_color_primary": "border",
        "border_color_accent": "primary",
        "input_background_fill": "background",
        "input_border_color": "border",
        "input_border_color_focus": "primary",
        "slider_color": "primary",
        "loader_color": "primary",
        "link_text_color": "primary",
        "button_secondary_background_fill": "background",
        "button_secondary_background_fill_hover": "secondary",
        "button_secondary_border_color": "border",
        "button_secondary_text_color": "text",
    }
    settings = {name: getattr(LIGHT, colour) for name, colour in colours.items()}
    settings |= {f"{name}_dark": getattr(DARK, colour) for name, colour in colours.items()}
    for name in ("block_radius", "input_radius", "button_large_radius", "button_medium_radius", "button_small_radius"):
        settings[name] = RADIUS
    for name in ("block_info_text_color", "body_text_color_subdued"):
        settings |= {name: "#5b6675", f"{name}_dark": "#a9b4c0"}
    return base.set(**settings, button_secondary_border_color_hover=LIGHT.primary, button_border_width="1px")
