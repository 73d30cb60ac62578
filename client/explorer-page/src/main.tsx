/** Loads the result and draws the page. */

import { render } from "preact";
import { App, start } from "./App";
import { fixed } from "./data/state";

void start(() => {
  document.title = `${fixed.result.title} - octcluster`;
  const root = document.getElementById("page")!;
  root.textContent = "";
  render(<App />, root);
  document.documentElement.dataset["ready"] = "true";
});
