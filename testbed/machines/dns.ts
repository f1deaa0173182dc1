import { internetNames, type NetworkPlan } from "./network-plan.ts";

/**
 * Options of the one DNS server behind the second address of every subnet. It knows the instances
 * and the Internet's few names; everything else does not exist (an answer at once, where a silent
 * or refusing server would cost each look-up a time-out).
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

/** The hosts file: an instance by its FQDN, which is its name in reverse look-ups, too, and by its host name. */
export function renderHosts(plan: NetworkPlan): string {
    const instances = plan.interfaces.map((nic) => `${nic.address} ${nic.fqdn} ${nic.hostname}`);
    const others = Object.entries(internetNames).map(([name, address]) => `${address} ${name}`);
    return [...instances, ...others, ""].join("\n");
}
