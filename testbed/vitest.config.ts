import { configDefaults, defineConfig } from "vitest/config";

/** Tests that run machines, or the daemon that does. They need root, and the computer for themselves. */
const machineTests = ["machines/machines.test.ts", "machines/lifecycle.test.ts"];

export default defineConfig({
    test: {
        projects: [
            {
                test: {
                    name: "unit",
                    include: ["**/*.test.ts"],
                    exclude: [...configDefaults.exclude, ...machineTests],
                    // The long files mostly wait.
                    maxWorkers: 4,
                    testTimeout: 60_000,
                },
            },
            {
                test: {
                    name: "machines",
                    include: machineTests,
                    globalSetup: ["machines/global-setup.ts"],
                    fileParallelism: false,
                    testTimeout: 120_000,
                    hookTimeout: 120_000,
                },
            },
        ],
    },
});
