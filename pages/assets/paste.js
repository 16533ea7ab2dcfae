// A text area tells the page what was typed when it is left; what is pasted is complete, and is checked at once.
if (!window.lesionlabPaste) {
  window.lesionlabPaste = true;
  document.addEventListener("paste", ({ target }) => {
    if (target.matches?.('textarea[aria-label="Folders"]')) {
      setTimeout(() => {
        target.blur();
        target.focus();
      });
    }
  });
}
