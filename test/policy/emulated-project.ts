/** The program as a Pulumi project of its own, with the real engine and provider, against an emulator without machines. */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";

import { ensureCertificate } from "../../testbed/cloud/certificate.ts";
import { startCloud, type RunningCloud } from "../../testbed/cloud/index.ts";
import { FakeDriver } from "../../testbed/cloud/test/fake-driver.ts";
import { minimalConfiguration } from "../support/rendered-cluster.ts";

export const repository = join(import.meta.dirname, "../..");
const TIME_LIMIT_SECONDS = 120;

export interface Result {
    readonly status: number;
    readonly output: string;
}

export class EmulatedProject {
    readonly driver = new FakeDriver();
    /** Of everything that the project keeps. */
    readonly folder = mkdtempSync(join(tmpdir(), "postgres-ha-policy-"));
    /** What Pulumi takes for the project: no file of the stack appears in the repository. */
    readonly project = join(this.folder, "project");
    readonly stackFile = join(this.folder, "stack.yaml");
    readonly stack: string;
    private cloud: RunningCloud | undefined;

    private constructor(stack: string) {
        this.stack = stack;
    }

    static async start(stack: string): Promise<EmulatedProject> {
        const started = new EmulatedProject(stack);
        await started.open();
        return started;
    }

    private async open(): Promise<void> {
        mkdirSync(join(this.folder, "state"));
        mkdirSync(this.project);
        cpSync(join(repository, "Pulumi.yaml"), join(this.project, "Pulumi.yaml"));
        for (const name of ["index.ts", "package.json", "tsconfig.json", "node_modules"])
            symlinkSync(join(repository, name), join(this.project, name));
        await this.openCloud();
        this.configure({});
        const { status, output } = await this.pulumi("stack", "init", this.stack);
        if (status !== 0) throw new Error(output);
    }

    /** Has the image family another newest image. */
    async publishImage(imageId: string): Promise<void> {
        const { port } = this.cloud!;
        await this.cloud!.close();
        await this.openCloud({ imageId, port });
    }

    private async openCloud(options: { readonly imageId?: string; readonly port?: number } = {}): Promise<void> {
        this.cloud = await startCloud({
            driver: this.driver,
            stateFile: join(this.folder, "cloud.json"),
            port: options.port ?? 0,
            // The testbed's own certificate: tools/ make the provider trust it.
            certificate: await ensureCertificate(join(repository, ".testbed")),
            log: join(this.folder, "cloud.log"),
            ...(options.imageId === undefined ? {} : { imageId: options.imageId }),
        });
    }

    async close(): Promise<void> {
        await this.cloud?.close();
        rmSync(this.folder, { recursive: true });
    }

    /** Writes the stack's configuration as a user would have it. */
    configure(settings: Readonly<Record<string, unknown>>): void {
        const provider = {
            endpoint: `localhost:${this.cloud!.port}`,
            cloudId: "b1gtest",
            folderId: "b1gtestfolder",
            token: "t1.test",
            zone: "ru-central1-a",
        };
        const config = Object.fromEntries([
            ...Object.entries(provider).map(([key, value]) => [`yandex:${key}`, value]),
            ...Object.entries({ ...minimalConfiguration, ...settings }).map(([key, value]) => [
                `postgres-ha:${key}`,
                value,
            ]),
        ]);
        writeFileSync(this.stackFile, stringify({ config }));
    }

    pulumi(...args: readonly string[]): Promise<Result> {
        return this.execute("pulumi", [...args, "--non-interactive", "--color=never"]);
    }

    /** A subcommand with the stack's configuration. */
    withConfiguration(...subcommand: readonly string[]): Promise<Result> {
        return this.pulumi(...subcommand, "--stack", this.stack, "--config-file", this.stackFile);
    }

    /** Runs a command in the project, to its end. */
    execute(command: string, args: readonly string[]): Promise<Result> {
        const env = {
            ...process.env,
            PULUMI_BACKEND_URL: `file://${join(this.folder, "state")}`,
            PULUMI_CONFIG_PASSPHRASE: "",
            PULUMI_CONFIG_PASSPHRASE_FILE: "",
        };
        return new Promise((resolve) => {
            execFile(
                command,
                args,
                { cwd: this.project, env, timeout: TIME_LIMIT_SECONDS * 1000, maxBuffer: 64 * 1024 ** 2 },
                (error, stdout, stderr) =>
                    resolve({
                        status: error === null ? 0 : typeof error.code === "number" ? error.code : -1,
                        output: stdout + stderr,
                    }),
            );
        });
    }
}
