// The part of TypeScript that is used, for `deno check` of the whole project, whose own deno.json does not have it.

declare module "typescript" {
  export interface CompilerOptions {
    target: number;
    module: number;
    verbatimModuleSyntax: boolean;
    declaration: boolean;
    isolatedDeclarations: boolean;
  }
  const ts: {
    ScriptTarget: { ES2022: number };
    ModuleKind: { ESNext: number };
    transpile(source: string, options: CompilerOptions): string;
    transpileDeclaration(
      source: string,
      options: { fileName: string; reportDiagnostics: boolean; compilerOptions: CompilerOptions },
    ): { outputText: string; diagnostics?: { messageText: string }[] };
    flattenDiagnosticMessageText(message: string, newLine: string): string;
  };
  export default ts;
}
