// Charts of a comparison, in tabs; only the open one is drawn. A click on a photograph's point opens it large.
class ComparisonCharts {
  constructor(parent) {
    this.root = parent.querySelector(".comparison-charts") ?? parent.appendChild(element("div", "comparison-charts"));
    this.root.replaceChildren();
    this.tabs = this.root.appendChild(element("div", "comparison-tabs"));
    this.tabs.setAttribute("role", "tablist");
    this.tabs.setAttribute("aria-label", "Charts");
    this.tabs.addEventListener("keydown", (event) => this.press(event));
    this.panel = this.root.appendChild(element("div", "comparison-panel"));
    this.panel.setAttribute("role", "tabpanel");
    this.plot = this.panel.appendChild(element("div", "comparison-plot"));
    this.caption = this.panel.appendChild(element("p", "mask-note"));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.plot);
    this.root.addEventListener("pointerenter", () => this.draw()); // the theme may have changed
  }

  show({ charts, plotly }) {
    this.charts = charts; // {title, caption, figure, of_images} each
    if (!charts.some(({ title }) => title === this.open)) this.open = charts[0].title;
    this.version = JSON.stringify(charts);
    this.layOut();
    loadPlotly(plotly).then((library) => {
      this.plotly = library;
      this.draw();
    }, (error) => (this.plot.textContent = error.message));
  }

  layOut() {
    if (this.charts.map(({ title }) => title).join() !== [...this.tabs.children].map((tab) => tab.textContent).join()) {
      this.tabs.replaceChildren(...this.charts.map(({ title }) => {
        const tab = Object.assign(element("button", "", title), { type: "button", role: "tab" });
        tab.addEventListener("click", () => this.choose(title));
        return tab;
      }));
    }
    for (const tab of this.tabs.children) {
      const isOpen = tab.textContent === this.open;
      tab.setAttribute("aria-selected", String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
    }
    this.panel.setAttribute("aria-label", this.open);
  }

  choose(title) {
    this.open = title;
    this.layOut();
    this.draw();
  }

  press(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key], tabs = [...this.tabs.children];
    if (!by) return;
    event.preventDefault();
    const next = tabs.at((tabs.indexOf(document.activeElement) + by) % tabs.length);
    next.focus();
    this.choose(next.textContent);
  }

  draw() {
    const width = this.plot.clientWidth, ink = inkOf(this.root);
    if (!this.plotly || !width || this.closed) return;
    const drawn = JSON.stringify([this.open, width, ink, this.version]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const { title, caption, figure, of_images: ofImages } = this.charts.find((chart) => chart.title === this.open);
    setText(this.caption, `${caption}${ofImages ? " Click a point to open its photograph." : ""}`);
    const isNew = title !== this.shown;
    if (isNew) this.plotly.purge(this.plot);
    this.shown = title;
    this.plotly.react(this.plot, figure.data, this.layout(figure.layout, width, ink), this.settings(title)).then(() => {
      if (isNew && ofImages) this.plot.on("plotly_click", ({ points }) => openPhotograph(points[0].customdata));
    });
  }

  layout(layout, width, ink) {
    const axis = { gridcolor: ink.grid, linecolor: ink.grid, fixedrange: true };
    const isSquare = layout.yaxis.scaleanchor !== undefined;
    return {
      ...layout,
      width,
      height: isSquare ? Math.min(560, width + 60) : layout.height,
      margin: { ...layout.margin, t: 34 }, // room for the button
      xaxis: { ...layout.xaxis, ...axis },
      yaxis: { ...layout.yaxis, ...axis },
      hovermode: "closest",
      dragmode: false,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, color: ink.text },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: ink.text, activecolor: ink.text },
    };
  }

  settings(title) {
    const filename = `lesionlab-${title.toLowerCase().replaceAll(" ", "-")}`;
    return {
      displayModeBar: true,
      displaylogo: false,
      showSendToCloud: false,
      modeBarButtons: [["toImage", pngButton(this.plotly, filename)]],
      toImageButtonOptions: { format: "svg", filename },
    };
  }

  close() {
    this.closed = true;
    this.resized.disconnect();
    this.plotly?.purge(this.plot);
  }
}

export default component(ComparisonCharts);
