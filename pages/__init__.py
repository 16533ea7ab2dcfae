"""All of LesionLab that has a face: Streamlit pages, the Gradio widget, the JSON API and the access guard."""
