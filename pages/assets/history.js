// A page that opens without parameters writes into its address what it shows. Streamlit would make that a second entry of the
// browser's history, and Back would lead to the same page; here it replaces the entry without parameters.
if (!window.lesionlabHistory) {
  window.lesionlabHistory = history.pushState.bind(history);
  history.pushState = (state, unused, url) => {
    const next = new URL(url ?? location.href, location.href);
    const names = next.pathname === location.pathname && !location.search && next.search;
    (names ? history.replaceState.bind(history) : window.lesionlabHistory)(state, unused, url);
  };
}
