"""The HTTP side of the app: access guard, sign-in, JSON API, pictures and static files.

It knows the stores of runs and jobs and nothing of Streamlit or Gradio; ``app.py`` puts them all behind one port. Begin with
`access`, through which every request goes, then `api`.
"""
