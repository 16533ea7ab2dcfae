// Plotly's library, loaded once for all charts of a page, and the colours of the page for it.
function loadPlotly(url) {
  window.lesionlabPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address(url);
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("The chart library could not be loaded; reload the page."));
    document.head.append(script);
  });
  return window.lesionlabPlotly;
}

const pngButton = (plotly, filename) => ({
  name: "png",
  title: "Download as PNG",
  icon: plotly.Icons["camera-retro"],
  click: (plot) => plotly.downloadImage(plot, { format: "png", scale: 3, filename }),
});

function inkOf(root) {
  const style = getComputedStyle(root);
  return {
    text: style.getPropertyValue("--st-text-color").trim() || style.color,
    background: style.getPropertyValue("--st-background-color").trim() || "#ffffff",
    grid: style.getPropertyValue("--st-border-color").trim() || "#d9dee5",
  };
}
