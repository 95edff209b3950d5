// Asks for the first documents while the modules that draw them still come.

import { isLive, ofModel, prefetch } from "./data.js";
import { parseRoute } from "./route.js";

const { view, model } = parseRoute(location);
if (isLive) {
  prefetch("v1/models");
  if (view === "overview") prefetch(ofModel(model, "/overview"));
}
