import type { Driver, MachineSpec, NetworkState } from "../../machines/driver.ts";

/** Records what the emulator asks for; fails where a test wants it to. */
export class FakeDriver implements Driver {
    readonly calls: string[] = [];
    readonly machines = new Map<string, { spec: MachineSpec; running: boolean }>();
    readonly disks = new Map<string, number>();
    network: NetworkState = { subnets: [], securityGroups: [], interfaces: [] };
    /** Name of a method → what it throws, once. */
    readonly failures = new Map<string, string>();
    /** Name of a method → what it waits for. */
    readonly barriers = new Map<string, Promise<void>>();

    async applyNetwork(state: NetworkState) {
        await this.called("applyNetwork");
        this.network = structuredClone(state);
    }
    async createMachine(spec: MachineSpec) {
        await this.called("createMachine", spec.id);
        this.machines.set(spec.id, { spec, running: true });
    }
    async deleteMachine(id: string) {
        await this.called("deleteMachine", id);
        this.machines.delete(id);
    }
    async startMachine(id: string) {
        await this.called("startMachine", id);
        this.machine(id).running = true;
    }
    async stopMachine(id: string) {
        await this.called("stopMachine", id);
        this.machine(id).running = false;
    }
    async updateMachine(spec: MachineSpec) {
        await this.called("updateMachine", spec.id);
        this.machine(spec.id).spec = spec;
    }
    async createDisk(id: string, sizeBytes: number) {
        await this.called("createDisk", id);
        this.disks.set(id, sizeBytes);
    }
    async deleteDisk(id: string) {
        await this.called("deleteDisk", id);
        this.disks.delete(id);
    }
    async resizeDisk(id: string, sizeBytes: number) {
        await this.called("resizeDisk", id);
        this.disks.set(id, sizeBytes);
    }
    async attachDisk(machineId: string, disk: MachineSpec["disks"][number]) {
        await this.called("attachDisk", machineId);
        this.machine(machineId).spec.disks.push(disk);
    }
    async detachDisk(machineId: string, diskId: string) {
        await this.called("detachDisk", machineId);
        const { spec } = this.machine(machineId);
        spec.disks = spec.disks.filter((disk) => disk.diskId !== diskId);
    }

    machine(id: string) {
        const machine = this.machines.get(id);
        if (machine === undefined) throw new Error(`no machine ${id}`);
        return machine;
    }

    private async called(method: string, id?: string) {
        this.calls.push(id === undefined ? method : `${method} ${id}`);
        await this.barriers.get(method);
        const failure = this.failures.get(method);
        this.failures.delete(method);
        if (failure !== undefined) throw new Error(failure);
    }
}
