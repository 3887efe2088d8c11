// The model, computed by ONNX Runtime Web outside of the page's thread, so that the page stays usable.
let session, Tensor;

// The file's content; its progress from 0 to 1 is told on the way.
const download = async (name, bytes) => {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name} is missing on the server (${answer.status})`);
  const content = new Uint8Array(bytes), reader = answer.body.getReader();
  for (let at = 0, part = await reader.read(); !part.done; part = await reader.read()) {
    content.set(part.value, at); // throws if the file is longer than it should be
    at += part.value.length;
    self.postMessage({progress: at / bytes});
  }
  return content;
};

const start = async (model) => {
  const runtime = new URL(model.runtime, self.location).href;
  const ort = await import(`${runtime}ort.wasm.min.mjs`).catch(() => {
    self.postMessage({missing: true, error: model.missing});
  });
  if (!ort) return;
  ort.env.wasm.wasmPaths = runtime;
  // Threads share memory, which browsers allow on pages with the headers of cross-origin isolation alone.
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  const content = await download("model.onnx", model.bytes);
  session = await ort.InferenceSession.create(content, {executionProviders: ["wasm"]});
  Tensor = ort.Tensor;
  self.postMessage({});
};

const translate = async ({pixels, width, height}) => {
  const begun = performance.now();
  const channels = pixels.length / width / height;
  const {output} = await session.run({input: new Tensor("uint8", pixels, [1, height, width, channels])});
  const [, rows, columns] = output.dims, result = output.data.slice();
  const seconds = (performance.now() - begun) / 1000;
  self.postMessage({pixels: result, width: columns, height: rows, seconds}, [result.buffer]);
};

self.onmessage = ({data}) =>
  (data.model ? start(data.model) : translate(data)).catch((error) => self.postMessage({error: String(error.message || error)}));
