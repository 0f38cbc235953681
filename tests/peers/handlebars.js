// Renders templates that come as JSON on standard input, and writes the texts as JSON.
const Handlebars = require("handlebars");
const dayjs = require("dayjs");

dayjs.extend(require("dayjs/plugin/utc"));
dayjs.extend(require("dayjs/plugin/timezone"));

const library = Handlebars.create();
library.registerHelper("dateFormat", (date, { hash }) =>
  dayjs(date).tz(hash.tz || "UTC").format(hash.format),
);
library.registerHelper("toLocale", (value, { hash }) =>
  value === undefined ? "" : value.toLocaleString(hash.locale),
);
library.registerHelper("eq", (a, b) => a === b);
library.registerHelper("ne", (a, b) => a !== b);
library.registerHelper("gt", (a, b) => a > b);
library.registerHelper("gte", (a, b) => a >= b);
library.registerHelper("lt", (a, b) => a < b);
library.registerHelper("lte", (a, b) => a <= b);
library.registerHelper("and", (...values) => values.slice(0, -1).every(Boolean));
library.registerHelper("or", (...values) => values.slice(0, -1).some(Boolean));
library.registerHelper("not", (value) => !value);
library.registerHelper("uppercase", (text) => String(text).toUpperCase());
library.registerHelper("lowercase", (text) => String(text).toLowerCase());

const rendered = ({ source, values }) => {
  try {
    return { text: library.compile(source)(values) };
  } catch (error) {
    return { error: error.message.split("\n")[0] };
  }
};

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", () => {
  const cases = JSON.parse(Buffer.concat(chunks).toString());
  process.stdout.write(JSON.stringify(cases.map(rendered)));
});
