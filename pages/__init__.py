"""The web interface: Streamlit pages, the Gradio widget of Predict, the JSON API and the access guard.

`router` frames the pages, one module each beside it; their parts are in `dataset`, `runs`, `comparison` and `predictor`, the
live components in `live`, the HTTP side in `server`, and what several pages use in `shared`. They may use the core; torch is
loaded by the preview of augmentation alone, on demand. Begin with `router`, then `train`.
"""
