// Files of tables: Excel with the numbers of the data, Word and LaTeX as printed (APA: rules above and below).
"use strict";
window.cuecircuitTables = (() => {
  const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
  const TYPES = "application/vnd.openxmlformats-officedocument";
  const XLSX = `${TYPES}.spreadsheetml.sheet`;
  const DOCX = `${TYPES}.wordprocessingml.document`;
  const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
  const LETTERS = 31; // of a sheet's name
  const MARKUP = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  const TEX = { "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
  for (const sign of "&%$#_") TEX[sign] = `\\${sign}`;
  // signs that plain LaTeX has in mathematics alone
  Object.assign(TEX, { "\u2212": "$-$", "\u00d7": "$\\times$", "\u03b7": "$\\eta$", "\u03b5": "$\\epsilon$", "\u00b2": "$^2$", "\u00b3": "$^3$" });
  Object.assign(TEX, { "\u2081": "$_1$", "\u2082": "$_2$", "\u209a": "$_p$", "\u2264": "$\\leq$", "\u2265": "$\\geq$", "<": "$<$", ">": "$>$", "\u2013": "--" });

  // an element: its name with attributes, and what is in it
  const element = (name, ...inside) => `<${name}>${inside.join("")}<\/${name.split(" ")[0]}>`;
  // without the signs that XML 1.0 has no way to write
  const xml = (text) => text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "").replace(/[&<>"]/g, (sign) => MARKUP[sign]);
  const tex = (text) => [...text].map((sign) => TEX[sign] ?? sign).join("");

  // the rows of tab-separated text, in which a field may be quoted
  function rows(tsv) {
    const table = [[]];
    for (const [, field, end] of tsv.matchAll(/("(?:[^"]|"")*"|[^\t\n]*)(\t|\n)/g)) {
      table.at(-1).push(field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field);
      if (end === "\n") table.push([]);
    }
    return table.slice(0, -1);
  }

  // no sign that Excel forbids, no name twice
  function sheetNames(titles) {
    const taken = new Set(["contents"]);
    return titles.map((title) => {
      const trimmed = (text) => text.replace(/^[ ']+|[ ']+$/g, "");
      const plain = (trimmed(title.replace(/[\\/*?:[\]\0-\x1f\ufffe\uffff]/g, " ")) || "Table").replace(/ +/g, " ");
      let [name, count] = [trimmed(plain.slice(0, LETTERS)), 1];
      while (taken.has(name.toLowerCase())) name = `${plain.slice(0, LETTERS - 5).trim()} ${++count}`;
      taken.add(name.toLowerCase());
      return name;
    });
  }

  // tables: [{title, tsv, numbers: columns of numbers}]
  function workbook(tables) {
    const names = sheetNames(tables.map((table) => table.title));
    const text = (value) => element('c t="inlineStr"', element("is", element('t xml:space="preserve"', xml(value))));
    const row = (cells) => element("row", ...cells);
    const sheets = [names.map((name, n) => row([name, tables[n].title].map(text)))];
    for (const { tsv, numbers } of tables) {
      const cell = (value, column) => {
        if (value === "n/a") return "<c/>";
        return numbers.includes(column) && Number.isFinite(Number(value)) ? element("c", element("v", value)) : text(value);
      };
      const [head, ...body] = rows(tsv);
      sheets.push([row(head.map(text)), ...body.map((line) => row(line.map(cell)))]);
    }
    const space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const numbered = (write) => sheets.map((_, n) => write(n + 1)).join("");
    const entry = (n) => `<sheet name="${xml(n > 1 ? names[n - 2] : "Contents")}" sheetId="${n}" r:id="r${n}"/>`;
    const relation = (n) => `<Relationship Id="r${n}" Type="${OFFICE}/worksheet" Target="worksheets/sheet${n}.xml"/>`;
    const type = (n) => `<Override PartName="/xl/worksheets/sheet${n}.xml" ContentType="${TYPES}.spreadsheetml.worksheet+xml"/>`;
    const parts = {
      "xl/workbook.xml": element(`workbook xmlns="${space}" xmlns:r="${OFFICE}"`, element("sheets", numbered(entry))),
      "xl/_rels/workbook.xml.rels": element(`Relationships xmlns="${PACKAGE}/relationships"`, numbered(relation)),
    };
    sheets.forEach((lines, n) => {
      parts[`xl/worksheets/sheet${n + 1}.xml`] = element(`worksheet xmlns="${space}"`, element("sheetData", ...lines));
    });
    return officeFile(XLSX, "xl/workbook.xml", numbered(type), parts);
  }

  // tables: [{title, headings, numeric, cells, notes}]
  function document(tables) {
    const rule = (side) => `<w:${side} w:val="single" w:sz="8" w:color="000000"/>`;
    const paragraph = (text, look = "", right = false) => element("w:p",
      right ? element("w:pPr", '<w:jc w:val="right"/>') : "",
      element("w:r", element("w:rPr", look), element('w:t xml:space="preserve"', xml(text))));
    const below = element("w:tcPr", element("w:tcBorders", rule("bottom")));
    const look = element("w:tblPr", '<w:tblW w:w="5000" w:type="pct"/>', element("w:tblBorders", rule("top"), rule("bottom")));
    const repeated = element("w:trPr", "<w:tblHeader/>");
    const body = tables.map(({ title, headings, numeric, cells, notes }, number) => {
      const row = (texts, style, before = "") =>
        element("w:tr", before, ...texts.map((text, n) => element("w:tc", style, paragraph(text, "", numeric[n]))));
      const columns = element("w:tblGrid", "<w:gridCol/>".repeat(headings.length));
      const table = element("w:tbl", look, columns, row(headings, below, repeated), ...cells.map((texts) => row(texts, "")));
      const named = paragraph(`Table ${number + 1}`, "<w:b/>") + paragraph(title, "<w:i/>");
      return [named, table, ...notes.map((note) => paragraph(`Note. ${note}`)), paragraph("")].join("");
    });
    const space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
    const page = element("w:sectPr", '<w:pgSz w:w="16838" w:h="11906" w:orient="landscape"/>');
    const text = element(`w:document xmlns:w="${space}"`, element("w:body", ...body, page));
    return officeFile(DOCX, "word/document.xml", "", { "word/document.xml": text });
  }

  function latex(tables) {
    const row = (texts) => `${texts.map(tex).join(" & ")} \\\\`;
    const text = tables.map(({ title, headings, numeric, cells, notes }) => [
      `\\begin{longtable}{${numeric.map((right) => (right ? "r" : "l")).join("")}}`,
      `\\caption{${tex(title)}}\\\\`, "\\toprule", row(headings), "\\midrule\\endhead", ...cells.map(row), "\\bottomrule",
      ...notes.map((note) => `\\multicolumn{${numeric.length}}{p{.95\\linewidth}}{\\textit{Note.} ${tex(note)}} \\\\`), "\\end{longtable}", "",
    ].join("\n"));
    return new Blob(["% \\usepackage{booktabs,longtable}\n", ...text.map((one) => `${one}\n`)], { type: "application/x-tex" });
  }

  function officeFile(type, main, types, parts) {
    const relations = "application/vnd.openxmlformats-package.relationships+xml";
    const kinds = `<Default Extension="rels" ContentType="${relations}"/><Override PartName="/${main}" ContentType="${type}.main+xml"/>`;
    const start = `<Relationship Id="r1" Type="${OFFICE}/officeDocument" Target="${main}"/>`;
    return zipped(type, {
      "[Content_Types].xml": element(`Types xmlns="${PACKAGE}/content-types"`, kinds, types),
      "_rels/.rels": element(`Relationships xmlns="${PACKAGE}/relationships"`, start),
      ...parts,
    });
  }

  // CRC-32 of ZIP (RFC 1952, 8)
  const CRC = Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  const crc = (bytes) => (bytes.reduce((sum, byte) => CRC[(sum ^ byte) & 255] ^ (sum >>> 8), -1) ^ -1) >>> 0;

  // XML by name to a ZIP without a date: the same tables give the same bytes
  async function zipped(type, parts) {
    const [files, entries] = [[], []];
    let at = 0;
    for (const [name, text] of Object.entries(parts)) {
      const [path, bytes] = [name, HEAD + text].map((one) => new TextEncoder().encode(one));
      const small = await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"))).arrayBuffer();
      // version 2.0, names in UTF-8, deflated, 1 January 1980
      const facts = [[20, 2], [0x800, 2], [8, 2], [0, 2], [33, 2], [crc(bytes), 4], [small.byteLength, 4], [bytes.length, 4], [path.length, 2], [0, 2]];
      files.push(packed([[0x04034b50, 4], ...facts]), path, small);
      entries.push(packed([[0x02014b50, 4], [20, 2], ...facts, [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]]), path);
      at += 30 + path.length + small.byteLength;
    }
    const [count, size] = [entries.length / 2, entries.reduce((sum, part) => sum + part.length, 0)];
    const end = packed([[0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [size, 4], [at, 4], [0, 2]]);
    return new Blob([...files, ...entries, end], { type });
  }

  // numbers as little-endian bytes: [value, bytes] each
  function packed(fields) {
    return Uint8Array.from(fields.flatMap(([value, length]) => Array.from({ length }, (_, n) => (value >>> (8 * n)) & 255)));
  }

  return { rows, sheetNames, workbook, document, latex };
})();
