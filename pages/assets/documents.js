// Links between the documents of the About page lead on without loading the app again, which would forget unsent forms.
if (!window.lesionlabDocuments) {
  window.lesionlabDocuments = true;
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='about'][target=_self]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    (window.lesionlabHistory ?? history.pushState.bind(history))({}, "", link.href);
    dispatchEvent(new PopStateEvent("popstate")); // Streamlit then reads the address, as after Back
    document.querySelector(".stMain").scrollTo(0, 0);
  });
}
