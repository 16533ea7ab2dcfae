from app import import_gradio_quickly

import_gradio_quickly()
