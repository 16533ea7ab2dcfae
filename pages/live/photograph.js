// A photograph that is chosen in one component opens in the large view, which is another.
const OPENED = "lesionlab-photograph";
const openPhotograph = (id) => window.dispatchEvent(new CustomEvent(OPENED, { detail: id }));
