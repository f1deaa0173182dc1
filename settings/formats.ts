/** Formats of texts in the configuration: names, keys, URLs and the like. */
import { Address4 } from "ip-address";
import { sqlRoles } from "../cluster/names.ts";
import { isIpv4Address } from "../cluster/ipv4.ts";
import { reservedLogins } from "./reserved-logins.ts";
import { isSshKeyType, sshKeyMistake, sshKeyTypes } from "./ssh-public-key.ts";
import { checkedText, text } from "./kinds.ts";

const reservedRoles: readonly string[] = [
    ...Object.values(sqlRoles),
    "public",
    "none",
    "user",
    "current_user",
    "current_role",
    "session_user",
    "patroni",
    "pgbouncer",
    "root",
];
const reservedDatabases: readonly string[] = [
    "postgres",
    "template0",
    "template1",
    "pgbouncer",
    "all",
    "replication",
    "sameuser",
    "samerole",
    "samegroup",
];
const identifierRule =
    "must be an SQL identifier: a lower-case letter or _, then at most 62 lower-case letters, digits or _";
const identifier = (kind: string, reserved: readonly string[]) =>
    checkedText(identifierRule, (name) => {
        if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) return identifierRule;
        return reserved.includes(name) || name.startsWith("pg_")
            ? `is reserved: choose another ${kind} name`
            : undefined;
    });
/** Name of a database of the user's. */
export const databaseName = identifier("database", reservedDatabases);
/** Name of an SQL role of the user's. */
export const roleName = identifier("user", reservedRoles);
/** Name of a replication slot. */
export const slotName = text(/^[a-z0-9_]{1,63}$/, "must be 1 to 63 lower-case letters, digits or _");

const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map((range) => new Address4(range));

/** Whether all addresses of a range are private (RFC 1918). */
export function isPrivate(range: Address4): boolean {
    return privateRanges.some((outer) => range.isInSubnet(outer));
}

/** Id of a resource of Yandex Cloud. */
export const cloudId = (what: string) =>
    text(/^[a-z0-9]{20}$/, `must be the id of ${what}: 20 lower-case letters and digits`);

const sshKeyRule = `must be an OpenSSH public key on one line: its type (${sshKeyTypes.slice(0, 2).join(", ")}, ecdsa-sha2-…, sk-…), its data, a comment`;
/** A line of `authorized_keys` without options. */
export const sshPublicKey = checkedText(sshKeyRule, (line) => {
    const [, type, data] = /^(\S+) +([A-Za-z0-9+/]+=*)( [^\r\n]*)?$/.exec(line) ?? [];
    if (type === undefined || !isSshKeyType(type)) return sshKeyRule;
    // sshd would read a second key on the line as the comment of the first.
    if (/[\s,](ssh-|ecdsa-sha2-|sk-)\S+ +AAAA/.test(line)) return sshKeyRule;
    return sshKeyMistake(type, data!);
});

const mirrorRule =
    "must be an http:// or https:// URL without a slash at its end, on port 80 or 443 (the ones security groups open)";
/** Base URL of a package repository. */
export const mirror = checkedText(mirrorRule, (url) => {
    if (!/^https?:\/\/[^\s?#]+[^/\s?#]$/.test(url) || !URL.canParse(url)) return mirrorRule;
    const { port, username } = new URL(url);
    return ["", "80", "443"].includes(port) && username === "" ? undefined : mirrorRule;
});

const timeZoneRule = "must be a time zone of the tz database, like Europe/Moscow or UTC";
/** Name of a time zone. */
export const timeZone = checkedText(timeZoneRule, (name) =>
    name === "UTC" || Intl.supportedValuesOf("timeZone").includes(name) ? undefined : timeZoneRule,
);

const localeRule = "must be a language tag that ICU knows, like ru-RU, de or en-US-u-kn";
/** ICU locale of a database, in the form in which PostgreSQL keeps and shows it. */
export const icuLocale = checkedText(localeRule, (tag) => {
    try {
        const [canonical] = Intl.Collator.supportedLocalesOf(tag);
        return canonical === tag ? undefined : localeRule;
    } catch {
        return localeRule;
    }
});

/** Characters. A script travels in the machine's bundle with everything else. */
const longestScript = 65_536;
const scriptRule = `must be the text of a script: 1 to ${longestScript} characters, lines that end with a line feed alone, and an absolute path behind #! if it begins with that`;
/** Text of a script. */
export const scriptText = checkedText(scriptRule, (text) =>
    text.trim() === "" || text.length > longestScript || /[\0\r]/.test(text) || /^#!(?!\s*\/)/.test(text)
        ? scriptRule
        : undefined,
);

const hostRule = "must be a host name or an IPv4 address";
/** Host name or IPv4 address. */
export const host = checkedText(hostRule, (name) =>
    isIpv4Address(name) ||
    (/^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/i.test(name) &&
        !/^[\d.]+$/.test(name))
        ? undefined
        : hostRule,
);

/** Name of the administrators' Linux account. */
export const loginName = checkedText("must be a Linux user name", (name) => {
    if (!/^[a-z_][a-z0-9_-]{0,30}$/.test(name)) {
        return "must be a Linux user name: a lower-case letter or _, then at most 30 lower-case letters, digits, _ or -";
    }
    return reservedLogins.has(name) ? "is reserved: choose another user name" : undefined;
});
