import { internetNames, type NetworkPlan } from "./network-plan.ts";

/**
 * Options of the DNS server behind the second address of every subnet. It knows the instances and the Internet's few
 * names, and answers at once that other names do not exist: a silent server would cost each lookup a timeout.
 */
export function renderDnsConfiguration(files: { hosts: string; pid: string; log: string }): string {
    return [
        "no-resolv",
        "no-hosts",
        `addn-hosts=${files.hosts}`,
        `pid-file=${files.pid}`,
        `log-facility=${files.log}`,
        "user=root",
        "bogus-priv",
        "address=/#/",
        "local-ttl=5",
        "",
    ].join("\n");
}

/** The hosts file: each instance by its FQDN, which is also the answer of reverse lookups, and by its host name. */
export function renderHosts(plan: NetworkPlan): string {
    const instances = plan.interfaces.map((nic) => `${nic.address} ${nic.fqdn} ${nic.hostname}`);
    const others = Object.entries(internetNames).map(([name, address]) => `${address} ${name}`);
    return [...instances, ...others, ""].join("\n");
}
