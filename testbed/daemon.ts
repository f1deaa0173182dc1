/**
 * The testbed's daemon: the cloud's API, and the machines behind it.
 * Arguments: FOLDER PREFIX PORT PUBLIC-NETWORK, which are the testbed's folder, the prefix of its names, the API's
 * port and the first three numbers of its public addresses.
 * However the daemon ends (SIGTERM is the orderly way), the machines keep running, and the next daemon takes them over.
 */
import { join } from "node:path";
import { startCloud } from "./cloud/index.ts";
import { codeVersion } from "./code-version.ts";
import { ensureCertificate } from "./cloud/certificate.ts";
import { ensureImage } from "./image/index.ts";
import { Machines } from "./machines/machines.ts";
import { DaemonLock } from "./machines/ownership.ts";

async function main(folder: string, prefix: string, port: string, publicNetwork: string): Promise<void> {
    const site = { folder, prefix };
    const lock = await DaemonLock.take(site, codeVersion());
    const image = await ensureImage((line) => console.log(line));
    const certificate = await ensureCertificate(folder);
    const machines = await Machines.open(site, image);
    const cloud = await startCloud({
        driver: machines,
        stateFile: join(folder, "cloud.json"),
        port: Number(port),
        certificate,
        publicNetwork,
        log: join(folder, "cloud.log"),
    });

    const stop = async (): Promise<void> => {
        await cloud.close();
        await machines.close();
        lock.release();
        console.log("stopped");
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
        process.once(signal, () => void stop().then(() => process.exit(0), fail));
    }
    lock.announce();
    console.log(`ready, process ${process.pid}`);
}

function fail(error: unknown): never {
    console.error(error);
    process.exit(1);
}

const [folder, prefix, port, publicNetwork] = process.argv.slice(2);
if (!folder || !prefix || !port || !publicNetwork) fail("usage: daemon FOLDER PREFIX PORT PUBLIC-NETWORK");
main(folder, prefix, port, publicNetwork).catch(fail);
