import n from "eslint-plugin-n";
import tseslint from "typescript-eslint";

/**
 * Rules that need types, and that every import is declared. What formatting decides is Prettier's.
 */
export default tseslint.config(
    { ignores: ["**/node_modules/", "**/.testbed/", ".stand/", "sdks/", "examples/"] },
    ...tseslint.configs.recommendedTypeChecked,
    {
        plugins: { n },
        languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
        linterOptions: { reportUnusedDisableDirectives: "error" },
        rules: {
            "n/no-extraneous-import": "error",
            // An interface may want a promise that one of its implementations does not need.
            "@typescript-eslint/require-await": "off",
            "@typescript-eslint/no-unused-vars": [
                "error",
                { argsIgnorePattern: "^_", varsIgnorePattern: "^_", destructuredArrayIgnorePattern: "^_" },
            ],
            "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
            // A type may name the texts that are usual among those that are possible.
            "@typescript-eslint/no-redundant-type-constituents": "off",
        },
    },
    {
        // What machines and programs answer has no types; a test that reads it wrongly fails.
        files: ["test/**", "**/*.test.ts", "bench/**"],
        rules: {
            "@typescript-eslint/no-explicit-any": "off",
            "@typescript-eslint/no-unsafe-argument": "off",
            "@typescript-eslint/no-unsafe-assignment": "off",
            "@typescript-eslint/no-unsafe-call": "off",
            "@typescript-eslint/no-unsafe-member-access": "off",
            "@typescript-eslint/no-unsafe-return": "off",
            "@typescript-eslint/restrict-template-expressions": "off",
            "@typescript-eslint/unbound-method": "off",
        },
    },
    {
        // The policies' package is the program's.
        files: ["test/policy/**"],
        rules: { "n/no-extraneous-import": ["error", { allowModules: ["vitest", "yaml", "@pulumi/policy"] }] },
    },
    { files: ["**/*.js"], extends: [tseslint.configs.disableTypeChecked] },
);
