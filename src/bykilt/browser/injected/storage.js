// What an origin keeps in the browser: localStorage and IndexedDB, read into JSON and written back.
//
// The JSON is that of Playwright's storage state files: a value that JSON cannot hold is encoded as an object with
// one telling key (`v` special values, `d` dates, `bi` big integers, `a` arrays, `o` objects, `m` maps, `s` sets,
// `ta` typed arrays, `ab` buffers, `r` regular expressions, `u` addresses, `ref` what was met before).
// Meant for a page of ours at that origin, in which no other script runs.
(() => {
  if (globalThis.bykiltStorage) return;

  const VIEWS = {
    i8: Int8Array, ui8: Uint8Array, ui8c: Uint8ClampedArray, i16: Int16Array, ui16: Uint16Array, i32: Int32Array,
    ui32: Uint32Array, f32: Float32Array, f64: Float64Array, bi64: BigInt64Array, bui64: BigUint64Array,
  };

  const toBase64 = (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    return btoa(text);
  };
  const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

  const isPlain = (value) => Object.getPrototypeOf(value) === Object.prototype;

  function isJson(value, depth = 0) {
    if (value === null || typeof value === "string" || typeof value === "boolean") return true;
    if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
    if (typeof value !== "object" || depth > 100) return false;
    if (Array.isArray(value)) return value.every((item) => isJson(item, depth + 1));
    return isPlain(value) && Object.values(value).every((item) => isJson(item, depth + 1));
  }

  function encode(value, met) {
    if (value === undefined) return { v: "undefined" };
    if (value === null) return { v: "null" };
    if (Object.is(value, -0)) return { v: "-0" };
    if (typeof value === "number") return Number.isFinite(value) ? value : { v: String(value) };
    if (typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "bigint") return { bi: String(value) };
    if (value instanceof Date) return { d: value.toJSON() };
    if (value instanceof RegExp) return { r: { p: value.source, f: value.flags } };
    if (value instanceof Error) return { e: { n: value.name, m: value.message, s: value.stack } };
    if (value instanceof ArrayBuffer) return { ab: { b: toBase64(new Uint8Array(value)) } };
    for (const [k, View] of Object.entries(VIEWS)) {
      if (value instanceof View) {
        return { ta: { b: toBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)), k } };
      }
    }
    if (met.has(value)) return { ref: met.get(value) };
    const id = met.size + 1;
    met.set(value, id);
    const pair = ([k, v]) => ({ k: encode(k, met), v: encode(v, met) });
    if (value instanceof Map) return { m: [...value].map(pair), id };
    if (value instanceof Set) return { s: [...value].map((item) => encode(item, met)), id };
    if (Array.isArray(value)) return { a: value.map((item) => encode(item, met)), id };
    if (!isPlain(value)) throw new Error(`a stored ${value.constructor?.name ?? "value"} cannot be written as JSON`);
    return { o: Object.keys(value).map((k) => ({ k, v: encode(value[k], met) })), id };
  }

  function decode(form, met) {
    if (typeof form !== "object" || form === null) return form;
    if ("ref" in form) return met.get(form.ref);
    if ("v" in form) {
      if (form.v === "null") return null;
      return form.v === "undefined" ? undefined : Number(form.v);
    }
    if ("d" in form) return new Date(form.d);
    if ("u" in form) return new URL(form.u);
    if ("bi" in form) return BigInt(form.bi);
    if ("r" in form) return new RegExp(form.r.p, form.r.f);
    if ("e" in form) return Object.assign(new Error(form.e.m), { name: form.e.n, stack: form.e.s });
    if ("ab" in form) return fromBase64(form.ab.b).buffer;
    if ("ta" in form) return new VIEWS[form.ta.k](fromBase64(form.ta.b).buffer);
    const keep = (made) => (met.set(form.id, made), made);
    if ("a" in form) {
      const list = keep([]);
      for (const item of form.a) list.push(decode(item, met));
      return list;
    }
    if ("m" in form) {
      const map = keep(new Map());
      for (const { k, v } of form.m) map.set(decode(k, met), decode(v, met));
      return map;
    }
    if ("s" in form) {
      const set = keep(new Set());
      for (const item of form.s) set.add(decode(item, met));
      return set;
    }
    const object = keep({});
    for (const { k, v } of form.o ?? []) {
      Object.defineProperty(object, k, { value: decode(v, met), writable: true, enumerable: true, configurable: true });
    }
    return object;
  }

  const packed = (name, value) => (isJson(value) ? { [name]: value } : { [`${name}Encoded`]: encode(value, new Map()) });
  const unpacked = (record, name) => {
    return name in record ? record[name] : decode(record[`${name}Encoded`], new Map());
  };

  const answered = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
      request.onblocked = () => reject(new Error("another page holds the database"));
    });

  const paths = (of) => (Array.isArray(of.keyPath) ? { keyPathArray: of.keyPath } : of.keyPath === null ? {} : { keyPath: of.keyPath });

  async function readStore(store) {
    const [keys, values] = await Promise.all([answered(store.getAllKeys()), answered(store.getAll())]);
    const hasKeys = store.keyPath === null;
    return {
      name: store.name,
      ...paths(store),
      autoIncrement: store.autoIncrement,
      indexes: [...store.indexNames].map((name) => {
        const index = store.index(name);
        return { name, ...paths(index), multiEntry: index.multiEntry, unique: index.unique };
      }),
      records: keys.map((key, at) => ({ ...(hasKeys ? packed("key", key) : {}), ...packed("value", values[at]) })),
    };
  }

  async function readDatabase({ name, version }) {
    const database = await answered(indexedDB.open(name));
    try {
      const names = [...database.objectStoreNames];
      if (!names.length) return { name, version, stores: [] };
      const transaction = database.transaction(names, "readonly");
      return { name, version, stores: await Promise.all(names.map((each) => readStore(transaction.objectStore(each)))) };
    } finally {
      database.close();
    }
  }

  async function read() {
    const local = Object.keys(localStorage).map((name) => ({ name, value: localStorage.getItem(name) }));
    const databases = await indexedDB.databases();
    return { localStorage: local, indexedDB: await Promise.all(databases.map(readDatabase)) };
  }

  async function writeDatabase({ name, version, stores }) {
    await answered(indexedDB.deleteDatabase(name));
    const opening = indexedDB.open(name, version);
    opening.onupgradeneeded = () => {
      for (const store of stores) {
        const keyPath = store.keyPathArray ?? store.keyPath ?? null;
        const made = opening.result.createObjectStore(store.name, { keyPath, autoIncrement: store.autoIncrement });
        for (const index of store.indexes) {
          made.createIndex(index.name, index.keyPathArray ?? index.keyPath, {
            multiEntry: index.multiEntry,
            unique: index.unique,
          });
        }
      }
    };
    const database = await answered(opening);
    try {
      if (!stores.length) return;
      const transaction = database.transaction(stores.map((store) => store.name), "readwrite");
      for (const store of stores) {
        const target = transaction.objectStore(store.name);
        for (const record of store.records) {
          const hasKey = "key" in record || "keyEncoded" in record;
          await answered(target.put(unpacked(record, "value"), ...(hasKey ? [unpacked(record, "key")] : [])));
        }
      }
    } finally {
      database.close();
    }
  }

  async function write(state) {
    for (const { name, value } of state.localStorage ?? []) localStorage.setItem(name, value);
    for (const database of state.indexedDB ?? []) await writeDatabase(database);
    return null;
  }

  Object.defineProperty(globalThis, "bykiltStorage", { value: Object.freeze({ read, write }) });
})();
