import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { rootPath, type RootName } from "./debian-roots.ts";

export interface ScratchFile {
    readonly path: string;
    readonly content: string;
    /** Octal. @default "0644" */
    readonly mode?: string;
}

export interface Result {
    readonly status: number;
    readonly stdout: string;
    readonly stderr: string;
    /** Both streams, for messages and searches. */
    readonly output: string;
}

export interface ScratchRunOptions {
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** @default 60 */
    readonly timeoutSeconds?: number;
}

/**
 * A root file system with files of ours in it, in which programs run in namespaces of their own: nothing
 * they change, mount, listen on or leave running reaches the host. Files stay from one run to the next.
 */
export class ScratchMachine {
    private readonly folder = mkdtempSync(join(tmpdir(), "postgres-ha-test-"));
    /** Holds the namespaces between runs. */
    private keeper?: ChildProcess;
    private readonly root: RootName;
    private readonly addresses: readonly string[];

    /**
     * @param addresses further addresses of the loopback interface, where services can listen
     */
    constructor(root: RootName = "machine", addresses: readonly string[] = []) {
        this.root = root;
        this.addresses = addresses;
        for (const name of ["upper", "work", "merged", "upper/tmp"]) mkdirSync(join(this.folder, name));
        chmodSync(this.pathOf("/tmp"), 0o1777);
    }

    /** Puts files in their places, before the machine is booted: a mounted overlay need not notice. */
    write(...files: readonly ScratchFile[]): void {
        if (this.keeper !== undefined) throw new Error("the machine runs: write files from inside");
        for (const { path, content, mode } of files) {
            const target = this.pathOf(path);
            mkdirSync(dirname(target), { recursive: true });
            writeFileSync(target, content);
            chmodSync(target, Number.parseInt(mode ?? "0644", 8));
        }
    }

    /** A program that notes how it was called in /tmp/calls and then does what the shell lines say. */
    stub(path: string, ...lines: readonly string[]): void {
        const name = path.split("/").at(-1)!;
        this.write({
            path,
            mode: "0755",
            content: ["#!/bin/bash", `echo "${name} $*" >>/tmp/calls`, ...lines, ""].join("\n"),
        });
    }

    /** The calls of stubs so far. */
    async calls(): Promise<string[]> {
        return (await this.run("cat", ["/tmp/calls"])).stdout.split("\n").filter((line) => line !== "");
    }

    /** From now on every run enters the same namespaces, so that what one leaves running is there for the next. */
    async boot(): Promise<void> {
        this.keeper = this.enter("sh", ["-c", "echo booted; exec cat"]);
        await once(this.keeper.stdout!, "data");
    }

    /** Runs a program to its end; unless the machine was booted, whatever it started ends with it. */
    run(command: string, args: readonly string[] = [], options: ScratchRunOptions = {}): Promise<Result> {
        const child =
            this.keeper === undefined
                ? this.enter(command, args, options.env)
                : this.join(this.keeper, command, args, options.env);
        const timer = setTimeout(() => child.kill("SIGKILL"), (options.timeoutSeconds ?? 60) * 1000);
        return new Promise((resolve, reject) => {
            let stdout = "";
            let stderr = "";
            let output = "";
            child.stdout!.setEncoding("utf8").on("data", (text: string) => {
                stdout += text;
                output += text;
            });
            child.stderr!.setEncoding("utf8").on("data", (text: string) => {
                stderr += text;
                output += text;
            });
            child.on("error", reject);
            child.on("close", (status) => {
                clearTimeout(timer);
                resolve({ status: status ?? -1, stdout, stderr, output });
            });
            // A program may end without reading its input.
            child.stdin!.on("error", () => undefined);
            child.stdin!.end(options.input ?? "");
        });
    }

    /** Runs lines of bash with -euo pipefail. */
    bash(script: string, options: ScratchRunOptions = {}): Promise<Result> {
        return this.run("bash", ["-euo", "pipefail", "-c", script], options);
    }

    /** Ends what runs and removes the files. */
    async remove(): Promise<void> {
        if (this.keeper !== undefined) {
            this.keeper.kill("SIGKILL");
            await once(this.keeper, "exit");
        }
        rmSync(this.folder, { recursive: true, force: true });
    }

    private pathOf(path: string): string {
        return join(this.folder, "upper", path);
    }

    /** Runs a program in new namespaces. */
    private enter(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
        const script = [
            "set -eu",
            'mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$FOLDER/upper,workdir=$FOLDER/work" "$FOLDER/merged"',
            'mkdir -p "$FOLDER/merged/proc" "$FOLDER/merged/dev" && mount -t proc proc "$FOLDER/merged/proc" && mount --rbind /dev "$FOLDER/merged/dev"',
            "ip link set lo up",
            ...this.addresses.map((address) => `ip address add ${address}/32 dev lo`),
            'exec "$@"',
        ].join("\n");
        const namespaces = ["--mount", "--net", "--uts", "--pid", "--fork", "--kill-child"];
        return spawn("unshare", [...namespaces, "sh", "-c", script, "sh", ...this.inside(env), command, ...args], {
            env: { ...process.env, LOWER: rootPath(this.root), FOLDER: this.folder },
            stdio: "pipe",
        });
    }

    /** Runs a program in the namespaces that the keeper holds. */
    private join(
        keeper: ChildProcess,
        command: string,
        args: readonly string[],
        env: Readonly<Record<string, string>> = {},
    ): ChildProcess {
        const first = readFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`, "utf8").trim();
        return spawn(
            "nsenter",
            [`--target=${first}`, "--mount", "--net", "--uts", "--pid", ...this.inside(env), command, ...args],
            { stdio: "pipe" },
        );
    }

    /** The words before a command that put it into the root, with an environment of its own. `env` is the host's: a root of single programs has none. */
    private inside(env: Readonly<Record<string, string>>): string[] {
        const variables = Object.entries({
            PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            LANG: "C.UTF-8",
            HOME: "/root",
            ...env,
        });
        return [
            "env",
            "-i",
            ...variables.map(([name, value]) => `${name}=${value}`),
            "chroot",
            join(this.folder, "merged"),
        ];
    }
}
