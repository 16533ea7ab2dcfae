// Signs out: the address of the access guard, which Streamlit cannot link to in the same tab.
sessionStorage.removeItem("lesionlab-visit");
window.location.replace(`${window.lesionlabBase}/sign-out`);
