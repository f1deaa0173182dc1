import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packages } from "./index.ts";

const files = join(import.meta.dirname, "files");
const nameOf = (relation: string) => relation.split(" ")[0];

describe("the testbed's packages", () => {
    it("have every file folder claimed by a package", () => {
        const names = new Set(packages.map((rpm) => rpm.name));
        expect(readdirSync(files).filter((folder) => !names.has(folder))).toEqual([]);
    });

    it("occur once in each repository", () => {
        const places = packages.map((rpm) => `${rpm.repository}/${rpm.name}`);
        expect(new Set(places).size).toBe(places.length);
    });

    it("can have all they require", () => {
        const offered = new Set(packages.flatMap((rpm) => [rpm.name, ...(rpm.provides ?? []).map(nameOf)]));
        const missing = packages.flatMap((rpm) =>
            (rpm.requires ?? []).map(nameOf).filter((name) => !offered.has(name)),
        );
        expect(missing).toEqual([]);
    });

    it("bring every unit they ask the presets about", () => {
        const missing = packages.flatMap((rpm) =>
            (rpm.units ?? []).filter((unit) => !existsSync(join(files, rpm.name, "usr/lib/systemd/system", unit))),
        );
        expect(missing).toEqual([]);
    });

    it("give permissions only to files they have", () => {
        const missing = packages.flatMap((rpm) =>
            Object.keys(rpm.attributes ?? {}).filter((path) => !existsSync(join(files, rpm.name, path))),
        );
        expect(missing).toEqual([]);
    });

    it("make Patroni depend on EPEL and CRB", () => {
        const repositories = new Map(packages.map((rpm) => [rpm.name, rpm.repository]));
        const needed = packages
            .find((rpm) => rpm.name === "patroni")!
            .requires!.map((relation) => repositories.get(nameOf(relation)!));
        expect(needed).toEqual(expect.arrayContaining(["epel", "crb", "appstream", "pgdg-common"]));
    });
});
