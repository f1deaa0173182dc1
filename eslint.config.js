import { join } from "node:path";
import n from "eslint-plugin-n";
import tseslint from "typescript-eslint";

/**
 * Which folders the files of a folder may import from, besides their own. A folder that is not listed may import from
 * all. `.` is the top level: index.ts; sdks/ holds the generated SDK of the provider.
 */
const mayImport = {
    cluster: [],
    settings: ["cluster"],
    "cloud-init": ["cluster", "settings"],
    components: ["cluster", "settings", "cloud-init", "sdks"],
    ".": ["cluster", "settings", "cloud-init", "components", "sdks"],
    render: ["cluster", "settings", "cloud-init"],
    "check-cluster": ["cluster", "cloud-init", "components"],
    testbed: [],
    local: ["cluster", "components", "settings", "testbed"],
    bench: ["cloud-init", "cluster", "docs", "local", "settings", "testbed"],
};
/** Folders that work without Pulumi. */
const pure = ["cluster", "cloud-init", "testbed"];

const at = (...path) => join(import.meta.dirname, ...path);

/** The rule for the files of one folder. Types count like values. */
const boundary = ([folder, others]) => {
    const allowed = [folder, ...others].filter((name) => name !== ".");
    return {
        files: [folder === "." ? "*.ts" : `${folder}/**/*.ts`],
        ignores: ["*.config.ts"],
        rules: {
            "n/no-restricted-import": [
                "error",
                [
                    {
                        name: [
                            at("**"),
                            `!${at("**/node_modules/**")}`,
                            ...allowed.map((name) => `!${at(name, "**")}`),
                        ],
                        message: `Files of ${folder} import from ${allowed.join(", ")} only; see mayImport in eslint.config.js.`,
                    },
                    ...(pure.includes(folder)
                        ? [{ name: "@pulumi/**", message: `Files of ${folder} work without Pulumi.` }]
                        : []),
                ],
            ],
        },
    };
};

/**
 * Rules that need types, that every import is declared, and that folders do not import each other in a ring. What
 * formatting decides is Prettier's.
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
    ...Object.entries(mayImport).map(boundary),
    {
        files: ["test/**/*.ts"],
        rules: {
            "n/no-restricted-import": [
                "error",
                [{ name: at("bench", "**"), message: "What tests and benchmarks share is in local." }],
            ],
        },
    },
    {
        // What a machine is made of is computed from settings, not by them.
        files: ["cloud-init/**/*.ts"],
        rules: {
            "@typescript-eslint/no-restricted-imports": [
                "error",
                {
                    patterns: [
                        {
                            group: ["**/settings/**"],
                            allowTypeImports: true,
                            message: "Files of cloud-init import only types from settings.",
                        },
                    ],
                },
            ],
        },
    },
    { files: ["**/*.js"], extends: [tseslint.configs.disableTypeChecked] },
);
