// What pages of text and forms cannot do alone. Everything here adds to a page that is whole without it.
import { drawCharts } from "./charts.js";
import { controls } from "./controls.js";
import { keepLive } from "./live.js";
import { tables } from "./tables.js";

// Called for the page, and for every part that was exchanged.
const dress = (root) => {
  drawCharts(root);
  controls(root);
  tables(root);
};

dress(document);
keepLive(dress);
