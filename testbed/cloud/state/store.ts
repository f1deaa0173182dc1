import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { Disk } from "@yandex-cloud/nodejs-sdk/compute-v1/disk";
import { Instance } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import { PlacementGroup } from "@yandex-cloud/nodejs-sdk/compute-v1/placement_group";
import { NetworkLoadBalancer } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/network_load_balancer";
import { TargetGroup } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/target_group";
import { Operation } from "@yandex-cloud/nodejs-sdk/operation/operation";
import { Address } from "@yandex-cloud/nodejs-sdk/vpc-v1/address";
import { Gateway } from "@yandex-cloud/nodejs-sdk/vpc-v1/gateway";
import { Network } from "@yandex-cloud/nodejs-sdk/vpc-v1/network";
import { RouteTable } from "@yandex-cloud/nodejs-sdk/vpc-v1/route_table";
import { SecurityGroup } from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group";
import { Subnet } from "@yandex-cloud/nodejs-sdk/vpc-v1/subnet";
import { SingleFlight } from "./single-flight.ts";
import { Table } from "./table.ts";

/** Layout of the state file. A file of another layout is refused. */
const version = 1;

interface StateFile {
    version: number;
    publicAddressCursor: number;
    /** Identifiers of operations by the idempotency key of the call that started them. */
    idempotencyKeys: Record<string, string>;
    tables: Record<string, unknown[]>;
}

/** The cloud's state, in one file that is always complete. */
export class Store {
    readonly networks = new Table("Network", Network);
    readonly subnets = new Table("Subnet", Subnet);
    readonly gateways = new Table("Gateway", Gateway);
    readonly routeTables = new Table("Route table", RouteTable);
    readonly securityGroups = new Table("Security group", SecurityGroup);
    readonly addresses = new Table("Address", Address);
    readonly disks = new Table("Disk", Disk);
    readonly instances = new Table("Instance", Instance);
    readonly placementGroups = new Table("Placement group", PlacementGroup);
    readonly targetGroups = new Table("Target group", TargetGroup);
    readonly networkLoadBalancers = new Table("Network load balancer", NetworkLoadBalancer);
    readonly operations = new Table("Operation", Operation);
    readonly idempotencyKeys = new Map<string, string>();
    /** Where the search for a free public address continues. */
    publicAddressCursor = 0;

    private readonly writing = new SingleFlight(() => this.write());
    private readonly path: string;
    readonly publicNetwork: string;

    /**
     * @param path the state file; created at the first save
     * @param publicNetwork the first three numbers of the public addresses that the cloud gives out
     * @throws Error when the file is there and cannot be understood
     */
    constructor(path: string, publicNetwork: string) {
        this.path = path;
        this.publicNetwork = publicNetwork;
        const text = readIfPresent(path);
        if (text === undefined) return;
        const state = JSON.parse(text) as StateFile;
        if (state.version !== version) throw new Error(`${path} has layout ${state.version}, expected ${version}`);
        this.publicAddressCursor = state.publicAddressCursor;
        for (const [key, id] of Object.entries(state.idempotencyKeys)) this.idempotencyKeys.set(key, id);
        for (const [name, table] of Object.entries(this.tables())) table.load(state.tables[name] ?? []);
    }

    /** All changes that `work` makes, or none when it throws. */
    atomically<Result>(work: () => Result): Result {
        const cursor = this.publicAddressCursor;
        const restores = Object.values(this.tables()).map((table) => table.snapshot());
        try {
            return work();
        } catch (error) {
            for (const restore of restores) restore();
            this.publicAddressCursor = cursor;
            throw error;
        }
    }

    /** Resolves when the present state is in the file. */
    save(): Promise<void> {
        return this.writing.request();
    }

    private async write(): Promise<void> {
        const state: StateFile = {
            version,
            publicAddressCursor: this.publicAddressCursor,
            idempotencyKeys: Object.fromEntries(this.idempotencyKeys),
            tables: Object.fromEntries(Object.entries(this.tables()).map(([name, table]) => [name, table.toJSON()])),
        };
        const temporary = `${this.path}.new`;
        // The mode protects secrets in instances' metadata.
        await writeFile(temporary, JSON.stringify(state), { mode: 0o600, flush: true });
        await rename(temporary, this.path);
    }

    private tables(): Record<string, Table<{ id: string }>> {
        const { networks, subnets, gateways, routeTables, securityGroups, addresses } = this;
        const { disks, instances, placementGroups, targetGroups, networkLoadBalancers, operations } = this;
        const tables = {
            networks,
            subnets,
            gateways,
            routeTables,
            securityGroups,
            addresses,
            disks,
            instances,
            placementGroups,
            targetGroups,
            networkLoadBalancers,
            operations,
        };
        // The table is invariant in its row; loading and writing need no more than this.
        return tables;
    }
}

function readIfPresent(path: string): string | undefined {
    try {
        return readFileSync(path, "utf8");
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
    }
}
