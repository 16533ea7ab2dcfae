// A photograph that is chosen in one component opens in the large view, which is another.
const OPENED = "lesionlab-photograph";
const openPhotograph = (id) => window.dispatchEvent(new CustomEvent(OPENED, { detail: id }));

// The IoU of a mask in words; of two empty masks it would be 1 without anything to agree on.
const scoreOf = (score, bothEmpty) => score == null ? "no mask" : bothEmpty ? "both find no lesion" : `IoU ${score.toFixed(3)}`;
