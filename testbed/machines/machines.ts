import { mkdirSync } from "node:fs";
import { Balancing } from "./balancing.ts";
import { applyPlan, createCloud } from "./cloud-network.ts";
import { createDisk, deleteDisk, resizeDisk } from "./disks.ts";
import type { Driver, MachineSpec, NetworkState } from "./driver.ts";
import { applyFaults } from "./fault-control.ts";
import { attachDisk, define, detachDisk, redefine, remove, start, stop } from "./machine.ts";
import type { Site } from "./names.ts";
import { planNetwork } from "./network-plan.ts";
import { Internet } from "./public-addresses.ts";
import { listMachines, machineExists, readMachine, readNetwork, writeNetwork } from "./records.ts";

/** The parts of a guest image that machines need. */
export interface MachineImage {
    /** A root file system that is never written: the lower layer of each machine's overlay. */
    rootPath: string;
    /** Document root of http://repo.testbed/ */
    repositoryPath: string;
}

/** Everything that runs in a testbed: network, machines and Internet. */
export class Machines implements Driver {
    /** One change at a time, of the network as a whole and of each machine. */
    private readonly queues = new Map<string, Promise<unknown>>();
    private readonly site: Site;
    private readonly image: MachineImage;
    private readonly internet: Internet;
    private readonly balancing: Balancing;

    private constructor(site: Site, image: MachineImage, internet: Internet, balancing: Balancing) {
        this.site = site;
        this.image = image;
        this.internet = internet;
        this.balancing = balancing;
    }

    /**
     * Creates the network, or takes over the existing one, and starts the machines that should run. Machines that run
     * already are not touched.
     * @throws Error if a machine cannot be started
     */
    static async open(site: Site, image: MachineImage): Promise<Machines> {
        mkdirSync(site.folder, { recursive: true });
        await createCloud(site);
        const machines = new Machines(
            site,
            image,
            await Internet.open(site, image.repositoryPath),
            new Balancing(site),
        );
        await machines.applyNetwork(readNetwork(site));
        await applyFaults(site);
        await Promise.all(
            listMachines(site)
                .filter((machine) => machine.wanted === "running")
                .map(({ spec }) => machines.startMachine(spec.id)),
        );
        return machines;
    }

    /** Ends everything that belongs to this process. Machines and their network stay. */
    async close(): Promise<void> {
        await this.balancing.close();
        await this.internet.close();
    }

    applyNetwork(state: NetworkState): Promise<void> {
        return this.inTurn("network", async () => {
            const plan = planNetwork(state);
            await applyPlan(this.site, plan);
            await this.balancing.apply(plan);
            writeNetwork(this.site, state);
            await this.internet.publish(plan);
        });
    }

    createMachine(spec: MachineSpec): Promise<void> {
        return this.inTurn(spec.id, async () => {
            define(this.site, spec, this.image.rootPath);
            await start(this.site, spec.id);
        });
    }

    deleteMachine(id: string): Promise<void> {
        return this.inTurn(id, async () => {
            if (machineExists(this.site, id)) await remove(this.site, id);
        });
    }

    startMachine(id: string): Promise<void> {
        return this.inTurn(id, () => start(this.site, id));
    }

    stopMachine(id: string): Promise<void> {
        return this.inTurn(id, () => stop(this.site, id));
    }

    updateMachine(spec: MachineSpec): Promise<void> {
        return this.inTurn(spec.id, async () => redefine(this.site, spec));
    }

    async createDisk(id: string, sizeBytes: number): Promise<void> {
        createDisk(this.site, id, sizeBytes);
    }

    deleteDisk(id: string): Promise<void> {
        return deleteDisk(this.site, id);
    }

    resizeDisk(id: string, sizeBytes: number): Promise<void> {
        return resizeDisk(this.site, id, sizeBytes);
    }

    attachDisk(machineId: string, disk: MachineSpec["disks"][number]): Promise<void> {
        return this.inTurn(machineId, () => attachDisk(this.site, machineId, disk));
    }

    async detachDisk(machineId: string, diskId: string): Promise<void> {
        return this.inTurn(machineId, async () => {
            if (readMachine(this.site, machineId).spec.disks.some((disk) => disk.diskId === diskId))
                await detachDisk(this.site, machineId, diskId);
        });
    }

    private inTurn<T>(queue: string, action: () => Promise<T>): Promise<T> {
        const result = (this.queues.get(queue) ?? Promise.resolve()).then(action);
        this.queues.set(
            queue,
            result.catch(() => undefined),
        );
        return result;
    }
}
