// The reference page: draws what /api/v1/openapi.json says, and calls it. Text goes in as text, never as markup.

const TEXTS = {
  ja: {
    token: "トークン", other: "English", problems: "エラーの種類", schemas: "データの形", send: "送信", body: "本文（JSON）",
    parameters: "パラメーター", none: "トークン不要", role: "必要な役割", answers: "応答", default: "既定", download: "ファイルとして保存",
    failed: "サーバーに届きません", about: "「Authorization: Bearer ck_…」を付けて呼び出します。トークンは一つのラボのもので、他のラボのデータは存在しないもの（404）として扱われます。トークンはこのタブの中だけに保存されます。",
  },
  en: {
    token: "Token", other: "日本語", problems: "Kinds of error", schemas: "Shapes of data", send: "Send", body: "Body (JSON)",
    parameters: "Parameters", none: "no token", role: "role", answers: "Answers", default: "default", download: "Save as a file",
    failed: "The server cannot be reached", about: "Call with “Authorization: Bearer ck_…”. A token belongs to one lab; what belongs to other labs is not found (404). The token is kept in this tab only.",
  },
};

const state = { language: pickLanguage(), description: null };

function pickLanguage() {
  const kept = localStorage.getItem("language");
  return kept in TEXTS ? kept : navigator.language.startsWith("ja") ? "ja" : "en";
}

const say = (key) => TEXTS[state.language][key];

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function resolve(schema) {
  return schema.$ref ? state.description.components.schemas[schema.$ref.split("/").pop()] : schema;
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return make("a", { href: `#schema-${name}`, textContent: name });
  }
  if (schema.anyOf) return joined(schema.anyOf.map(typeOf), " | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array") return joined(["[", typeOf(schema.items), "]"], "");
  return [schema.type ?? "any", schema.format ? `(${schema.format})` : ""].join(" ").trim();
}

function joined(parts, between) {
  const whole = make("span");
  parts.forEach((part, index) => whole.append(index ? between : "", part));
  return whole;
}

function leastRole(operation) {
  if (!operation.security.length) return say("none");
  const found = /Needs the role (\w+)/.exec(operation.description);
  return found ? `${say("role")}: ${found[1]}` : "";
}

function drawOperation(method, address, operation) {
  const summary = state.language === "ja" ? operation["x-summary-ja"] : operation.summary;
  const form = make("form", { className: "body" });
  const details = make("details", { id: operation.operationId },
    make("summary", {},
      make("span", { className: `method ${method}`, textContent: method }),
      make("span", { className: "address", textContent: address }),
      make("span", { textContent: summary }),
      make("span", { className: "role", textContent: leastRole(operation) })),
    form);
  details.addEventListener("toggle", () => { if (!form.childElementCount) fillForm(form, method, address, operation); });
  return details;
}

function fillForm(form, method, address, operation) {
  if (operation.description) form.append(make("p", { className: "soft", textContent: operation.description }));
  const inputs = operation.parameters.map((parameter) => drawParameter(form, parameter));
  const media = operation.requestBody?.content["application/json"];
  const body = media && make("textarea", { value: JSON.stringify(media.example, null, 2), spellcheck: false });
  if (body) form.append(make("label", {}, say("body"), " ", typeOf(media.schema), body));
  const result = make("div", { "aria-live": "polite" });
  form.append(make("button", { className: "go", textContent: say("send") }), result, drawAnswers(operation));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(method, fillAddress(address, inputs), body?.value, result);
  });
}

function drawParameter(form, parameter) {
  const schema = parameter.schema;
  const input = schema.enum
    ? make("select", {}, ...["", ...schema.enum].map((value) => make("option", { value, textContent: value })))
    : make("input", { placeholder: String(parameter.example ?? ""), required: parameter.required, spellcheck: false });
  const fallback = schema.default != null && schema.default !== "" ? ` (${say("default")}: ${schema.default})` : "";
  form.append(make("label", { className: "field" },
    make("code", { className: parameter.required ? "needed" : "", textContent: parameter.name }),
    input,
    make("span", { className: "soft", textContent: ((state.language === "ja" ? parameter["x-description-ja"] : parameter.description) ?? "") + fallback })));
  return { parameter, input };
}

function drawAnswers(operation) {
  const rows = Object.entries(operation.responses).map(([status, answer]) => {
    const whole = answer.$ref ? state.description.components.responses[answer.$ref.split("/").pop()] : answer;
    const shapes = Object.entries(whole.content ?? {}).map(([media, { schema }]) => joined([media, typeOf(schema)], " "));
    return make("tr", {}, make("td", { textContent: status }), make("td", { textContent: whole.description }), make("td", {}, joined(shapes, ", ")));
  });
  return make("details", {}, make("summary", { textContent: say("answers") }), make("div", { className: "body" }, make("table", {}, ...rows)));
}

function fillAddress(address, inputs) {
  const query = new URLSearchParams();
  let path = address;
  for (const { parameter, input } of inputs) {
    if (input.value === "") continue;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else query.set(parameter.name, input.value);
  }
  return query.size ? `${path}?${query}` : path;
}

async function send(method, url, body, result) {
  const headers = {};
  const token = document.getElementById("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const started = performance.now();
  try {
    const response = await fetch(url, { method, headers, body });
    const text = await response.text();
    show(result, method, url, response, text, performance.now() - started);
  } catch {
    result.replaceChildren(make("p", { className: "status bad", textContent: say("failed") }));
  }
}

function show(result, method, url, response, text, tookMs) {
  const type = response.headers.get("Content-Type") ?? "";
  const pretty = type.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
  const status = make("p", {},
    make("code", { textContent: `${method} ${url}` }), " → ",
    make("span", { className: response.ok ? "status" : "status bad", textContent: response.status }),
    make("span", { className: "soft", textContent: ` ${type} · ${Math.round(tookMs)} ms · ${text.length}` }));
  result.replaceChildren(status, make("pre", { tabIndex: 0, textContent: pretty.slice(0, 100000) }));
  if (type.startsWith("text/csv")) result.append(saveLink(text, response));
}

function saveLink(text, response) {
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "readings.csv";
  return make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name, textContent: say("download") });
}

function drawSchema(name, schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([field, shape]) => make("tr", {},
    make("td", {}, make("code", { className: required.has(field) ? "needed" : "", textContent: field })),
    make("td", {}, typeOf(shape)),
    make("td", { className: "soft", textContent: shape.description ?? resolve(shape)?.description ?? "" })));
  return make("details", { id: `schema-${name}` },
    make("summary", {}, make("code", { textContent: name })),
    make("div", { className: "body" }, make("p", { className: "soft", textContent: schema.description ?? typeText(schema) }), make("table", {}, ...rows)));
}

function typeText(schema) {
  return schema.enum ? schema.enum.join(" | ") : schema.type ?? "";
}

function draw() {
  const { paths, tags, components } = state.description;
  document.documentElement.lang = state.language;
  document.querySelectorAll("[data-text]").forEach((element) => { element.textContent = say(element.dataset.text); });
  document.getElementById("language").textContent = say("other");
  document.getElementById("about").textContent = say("about");
  const groups = tags.map(({ name }) => make("section", { id: name }, make("h2", { textContent: name })));
  for (const [address, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const index = tags.findIndex(({ name }) => name === operation.tags[0]);
      groups[index].append(drawOperation(method.toUpperCase(), address, operation));
    }
  }
  document.getElementById("operations").replaceChildren(...groups);
  const links = [...tags.map(({ name }) => [name, name]), ["problems", say("problems")], ["schemas", say("schemas")]];
  document.getElementById("contents").replaceChildren(
    ...links.map(([id, text]) => make("a", { href: `#${id}`, textContent: text })),
    make("a", { href: "/api/v1/openapi.json", textContent: "openapi.json" }));
  drawProblems();
  const schemas = document.getElementById("schemas");
  schemas.replaceChildren(schemas.querySelector("h2"), ...Object.keys(components.schemas).sort().map((name) => drawSchema(name, components.schemas[name])));
  openTarget();
}

function drawProblems() {
  const rows = Object.entries(state.description["x-problems"]).map(([code, problem]) => make("tr", { id: `problem-${code}` },
    make("td", { textContent: problem.status }),
    make("td", {}, make("code", { textContent: code })),
    make("td", { textContent: state.language === "ja" ? problem.title_ja : problem.title })));
  document.querySelector("#problems tbody").replaceChildren(...rows);
}

function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.tagName === "DETAILS") target.open = true;
  target.scrollIntoView();
}

const token = document.getElementById("token");
token.value = sessionStorage.getItem("token") ?? "";
token.addEventListener("input", () => sessionStorage.setItem("token", token.value));
document.getElementById("language").addEventListener("click", () => {
  state.language = state.language === "ja" ? "en" : "ja";
  localStorage.setItem("language", state.language);
  draw();
});
window.addEventListener("hashchange", openTarget);
state.description = await (await fetch("/api/v1/openapi.json")).json();
draw();
