"""The About page: what this is and is not, its versions and license, how to cite it, and its documents."""

from __future__ import annotations

from importlib.metadata import version

import streamlit as st

from pages.shared.address import address
from pages.shared.documents import DOCUMENTS, can_read, link, readable
from pages.shared.markdown import plain
from pages.shared.scripts import run_script
from seg_core.common.home import PROJECT, home
from seg_core.common.versions import VERSION, versions


def about() -> None:
    """Show what concerns LesionLab as a whole."""
    st.warning(
        "**Not a medical device.** LesionLab is for research and teaching. Its masks may be wrong on any photograph; "
        "never base a diagnosis or a treatment on them.",
        icon=":material/warning:",
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Documents")
        with st.container(key="documents"):
            lines = [f"- {link(path, title)}" for path, title in DOCUMENTS.items() if can_read(path)]
            st.markdown("\n".join(lines), unsafe_allow_html=True)
        st.markdown(f'<a href="{address("/api/docs")}" target="_blank">The JSON API</a>', unsafe_allow_html=True)
    with right:
        st.header("License")
        st.write(
            "MIT; the weights of each model are under the license that its card names: MIT too, but for fine-tune-best-plus "
            "CC BY-NC 4.0, for non-commercial use only. *Models* says which photographs trained them, and how well they do."
        )
        st.header("How to cite")
        st.write(f"The LesionLab authors. *LesionLab* (version {VERSION}), 2026.")
        with st.expander("CITATION.cff"):
            st.code((PROJECT / "CITATION.cff").read_text(encoding="utf-8"), language="yaml")
        st.header("Versions")
        packages = {name: version(name) for name in ("openvino", "streamlit", "gradio")}
        st.code("\n".join(f"{name:<12}{number}" for name, number in (versions() | packages).items()), language=None)
        st.caption(f"Runs are kept in {plain(str(home()))}.")


def document(path: str) -> None:
    """Show one document, and the way back."""
    with st.container(key="document"):
        st.markdown(f"← {link('', 'All documents')}\n\n{readable(path)}", unsafe_allow_html=True)


run_script("documents")
asked = st.query_params.get("doc", "")
if can_read(asked):
    document(asked)
else:
    st.title("About")
    if asked:
        st.warning(f"There is no document {plain(asked[:60])}; choose one from the list.")
    about()
