import main from "./page/main.ts" with { type: "text" };
import { stripTypeScriptTypes } from "node:module";
console.log(stripTypeScriptTypes(main));
