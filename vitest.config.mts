import { configDefaults, defineConfig } from "vitest/config";

/** Tests of the stand's own that boot machines: they want the computer for themselves. */
const machineTests = ["stand/machines/machines.test.ts", "stand/machines/lifecycle.test.ts"];

/** One project for each level of tests; test/run.ts runs them in order. */
export default defineConfig({
    test: {
        projects: [
            {
                test: {
                    name: "unit",
                    include: ["test/unit/**/*.test.ts", "stand/**/*.test.ts"],
                    exclude: [...configDefaults.exclude, "**/node_modules/**", "**/.stand/**", ...machineTests],
                    globalSetup: ["test/support/global-setup.ts"],
                    // Most of the long ones wait for programs: on two cores 55 s, and 148 s one file after another.
                    maxWorkers: 4,
                    // Programs of a whole machine run in some of them.
                    testTimeout: 60_000,
                    hookTimeout: 120_000,
                },
            },
            {
                test: {
                    name: "components",
                    include: ["test/components/**/*.test.ts"],
                    testTimeout: 60_000,
                    hookTimeout: 60_000,
                },
            },
            {
                test: {
                    name: "policy",
                    include: ["test/policy/**/*.test.ts"],
                    testTimeout: 300_000,
                    hookTimeout: 300_000,
                },
            },
            {
                test: {
                    name: "stand",
                    include: [...machineTests, "test/stand/**/*.test.ts"],
                    // There is one stand: its tests take turns and share what they find.
                    fileParallelism: false,
                    testTimeout: 20 * 60_000,
                    hookTimeout: 20 * 60_000,
                },
            },
        ],
    },
});
