// Saves an answer of the server as a file.

import { address, apiKey, download, isAborted } from "./api.js";
import { announce, h, toast } from "./dom.js";

const KEPT_MS = 60_000;

/**
 * Save what the server answers, under the name that it gives, else `name`; `busy(is)` hears when the page itself loads it.
 *
 * Without a key the browser itself loads the file, onto the disk as it comes. A link cannot send a key.
 */
export async function save(path, parameters, name, { what = "saved", busy = () => {} } = {}) {
  if (!apiKey()) return click(address(path, parameters).href, name);
  busy(true);
  try {
    const { blob, name: given } = await download(path, parameters);
    const link = URL.createObjectURL(blob);
    click(link, given ?? name);
    setTimeout(() => URL.revokeObjectURL(link), KEPT_MS);
    announce(what);
  } catch (error) {
    if (!isAborted(error)) toast(`Not ${what}: ${error.message}`, "error");
  } finally {
    busy(false);
  }
  return undefined;
}

function click(href, name) {
  const link = h("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}
