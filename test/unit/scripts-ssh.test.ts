/** What the jump host runs, with services around it that answer as SSH would. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { findBySshCommand, waitForSshCommand } from "../../cloud-init/roles/jump-host.ts";
import { installedScript } from "../support/scripts.ts";
import { ScratchMachine } from "../support/scratch-machine.ts";

let scratch: ScratchMachine;
beforeEach(() => {
    scratch = new ScratchMachine("machine", ["10.0.0.1", "10.0.0.2"]);
    scratch.write(installedScript("wait-for-ssh.sh"));
});
afterEach(() => scratch.remove());

describe("wait-for-ssh", () => {
    /** Something that greets on port 22 after a while. */
    const server = (address: string, greeting: string, delaySeconds = 0) =>
        `(sleep ${delaySeconds}; exec python3 -c 'import socket\ns = socket.create_server(("${address}", 22))\nwhile True: s.accept()[0].sendall(b"${greeting}\\r\\n")') &`;
    const command = (deadlineSeconds: number) => waitForSshCommand(["db-1=10.0.0.1", "db-2=10.0.0.2"], deadlineSeconds);

    it("ends when every machine greets as SSH does", async () => {
        const result = await scratch.bash(
            `${server("10.0.0.1", "SSH-2.0-OpenSSH_9")} ${server("10.0.0.2", "SSH-2.0-OpenSSH_9", 1)} ${command(10)}`,
        );
        expect(result).toMatchObject({ status: 0, stdout: "reachable: db-1=10.0.0.1 db-2=10.0.0.2\n" });
    });

    it("names the machine that does not answer", async () => {
        const result = await scratch.bash(`${server("10.0.0.1", "SSH-2.0-OpenSSH_9")} ${command(5)}`);
        expect(result.status).toBe(1);
        expect(result.stderr).toMatch(/^db-2: no SSH server answers on 10\.0\.0\.2 after 5 s/);
    });

    it("does not take another service for SSH", async () => {
        const result = await scratch.bash(`${server("10.0.0.1", "220 mail ready")} ${command(1)}`);
        expect(result.stderr).toMatch(/^db-1: no SSH server/);
    });

    it("finds any machine that answers, and names it", async () => {
        const find = findBySshCommand(["db-1=10.0.0.1", "db-2=10.0.0.2"], 10);
        const result = await scratch.bash(`${server("10.0.0.2", "SSH-2.0-OpenSSH_9", 1)} ${find}`);
        expect(result).toMatchObject({ status: 0, stdout: "db-2\n" });
    });

    it("says that none answers", async () => {
        const { status, stderr } = await scratch.bash(findBySshCommand(["db-1=10.0.0.1", "db-2=10.0.0.2"], 1));
        expect(status).toBe(1);
        expect(stderr).toMatch(
            /^no machine: no SSH server answers on any of db-1=10\.0\.0\.1 db-2=10\.0\.0\.2 after 1 s/,
        );
    });
});
