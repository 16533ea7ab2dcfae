"""Gradio's blocks, with sentences of our own for inputs that cannot be used."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.exceptions import InvalidPathError

NOT_UPLOADED = "This file was not uploaded; upload it first."
UNUSABLE = "These inputs cannot be used; send what /predictor/?view=api lists."


class Widget(gr.Blocks):
    """Blocks whose errors show nothing of the server, such as its folders."""

    async def preprocess_data(self, *args: Any, **options: Any) -> list[Any]:
        """Turn what a page or a script sent into the inputs of a handler.

        Raises:
            gr.Error: if that cannot be done, as for a file that nobody uploaded.
        """
        try:
            prepared: list[Any] = await super().preprocess_data(*args, **options)
        except InvalidPathError:
            raise gr.Error(NOT_UPLOADED, print_exception=False) from None
        except (ValueError, TypeError, LookupError, AttributeError, OSError):
            raise gr.Error(UNUSABLE, print_exception=False) from None
        return prepared
