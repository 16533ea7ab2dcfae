"""The handlers of the Predict widget: its answers when something is dropped, chosen, moved or clicked.

Gradio calls a handler with the values of its input components, by component; a handler returns or yields new values and
settings in the same form. Begin with `display`, which shows photographs with their masks.
"""
