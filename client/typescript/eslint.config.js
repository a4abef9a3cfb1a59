import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["dist/", "docs/", "out/", "src/gen/"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // An empty environment variable or option counts as unset.
      "@typescript-eslint/prefer-nullish-coalescing": "off",
      // The compiler reports these, and knows the parameters of overridden methods.
      "@typescript-eslint/no-unused-vars": "off",
      // Properties of records with fixed names are not members: `noPropertyAccessFromIndexSignature` is the same rule.
      "@typescript-eslint/dot-notation": "off",
    },
  },
  {
    files: ["tests/**/*.ts", "src/**/*.test.ts"],
    rules: {
      // node:test returns promises that need no await.
      "@typescript-eslint/no-floating-promises": [
        "error",
        { allowForKnownSafeCalls: ["test", "describe", "it", "suite"] },
      ],
    },
  },
);
