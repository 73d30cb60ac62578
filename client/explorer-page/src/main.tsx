/** Loads the result and draws the page. */

import { render } from "preact";
import { App, start } from "./App";

void start(() => {
  const root = document.getElementById("page")!;
  root.textContent = "";
  render(<App />, root);
  document.documentElement.dataset["ready"] = "true";
});
