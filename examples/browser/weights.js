// A client of one's own: the ten strongest expression units of a photo, without the page or three.js. Put this file and
// weights.html into a folder of `hiface export browser`.

import { Head } from "./head.js";
import { loadFiles } from "./load.js";
import { openNetworks } from "./network.js";
import { readPicture } from "./picture.js";
import { Reconstructor } from "./reconstruct.js";

const $ = (id) => document.getElementById(id);
const say = (text) => ($("said").textContent = text);

const files = await loadFiles((share) => say(`Fetching the model: ${Math.round(100 * share)} %`));
const reconstructor = new Reconstructor(files.meta, new Head(files.meta, files.arrays), await openNetworks(files));
say("Choose a photo");

$("photo").addEventListener("change", async () => {
  try {
    const { coefficients } = await reconstructor.reconstruct(await readPicture($("photo").files[0]), async (text) => say(text));
    const weights = files.meta.expressions.map((name, k) => [name, coefficients.expression[k]]);
    const strongest = weights.sort((a, b) => b[1] - a[1]).slice(0, 10);
    const rows = strongest.map(([name, weight]) => Object.assign(document.createElement("li"), { textContent: `${name} ${weight.toFixed(2)}` }));
    $("weights").replaceChildren(...rows);
    say("");
  } catch (error) {
    say(error.message);
  }
});
