// What the report draws with: of Observable Plot the few marks that it uses, and the reader of CSV.
export {plot, barX, dot, line, link, rectX, ruleX, ruleY, text, tip, pointer, axisX, axisY, gridX, gridY} from "@observablehq/plot";
export {csvParseRows} from "d3-dsv";
