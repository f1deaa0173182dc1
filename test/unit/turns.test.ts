/** The order in which machines that must be stopped are changed. */
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";

import { Turns } from "../../components/turns.ts";

const limits = { gatherSeconds: 0.05, turnSeconds: 5 };
const alphabetically = (names: readonly string[]) => Promise.resolve([...names].sort());

describe("turns", () => {
    /** Lets changes run as an engine would that starts all at once; returns what happened. */
    async function run(names: readonly string[], order = alphabetically): Promise<string[]> {
        const events: string[] = [];
        const turns = new Turns(order, limits);
        await Promise.all(
            names.map(async (name) => {
                await turns.take(name);
                events.push(`${name} begins`);
                await setTimeout(10);
                events.push(`${name} ends`);
                turns.end(name, "changed");
            }),
        );
        return events;
    }

    it("are one after another, in the order that is asked for", async () => {
        expect(await run(["c", "a", "b"])).toEqual(
            ["a", "b", "c"].flatMap((name) => [`${name} begins`, `${name} ends`]),
        );
    });

    it("are ordered once, when all that begin at once have gathered", async () => {
        const asked: (readonly string[])[] = [];
        await run(["b", "a"], (names) => {
            asked.push(names);
            return alphabetically(names);
        });
        expect(asked).toEqual([["b", "a"]]);
    });

    it("wait for what may yet ask for one, and for what must be well before, however that ends", async () => {
        const turns = new Turns(alphabetically, { gatherSeconds: 0.01, turnSeconds: 10 });
        const events: string[] = [];
        const change = async (name: string) => {
            await turns.take(name);
            events.push(name);
            turns.end(name, "changed");
        };
        turns.waitFor(
            setTimeout(50).then(() => void change("a")),
            "a",
        );
        turns.waitFor(
            setTimeout(100).then(() => {
                events.push("does not come back");
                throw new Error("does not come back");
            }),
            "c",
        );
        await change("b");
        expect(events).toEqual(["does not come back", "a", "b"]);
    });

    it("do not wait for one that asks for a turn itself", async () => {
        const turns = new Turns(alphabetically, { gatherSeconds: 0.01, turnSeconds: 10 });
        turns.waitFor(new Promise(() => undefined), "a");
        await turns.take("a");
    });

    it("that come later are after the others", async () => {
        const events: string[] = [];
        const turns = new Turns(alphabetically, limits);
        const change = async (name: string) => {
            await turns.take(name);
            events.push(name);
            await setTimeout(100);
            turns.end(name, "changed");
        };
        const first = [change("c"), change("b")];
        await setTimeout(90);
        await Promise.all([...first, change("a")]);
        expect(events).toEqual(["b", "c", "a"]);
    });

    it("do not come while an earlier one has not ended: the machines after it stay as they are", async () => {
        const turns = new Turns(alphabetically, { gatherSeconds: 0.01, turnSeconds: 0.1 });
        await Promise.all([
            turns.take("a"),
            expect(turns.take("b")).rejects.toThrow("b is left as it is, because the change of a has not ended"),
            expect(turns.take("c")).rejects.toThrow("c is left as it is, because the change of a has not ended"),
        ]);
    });

    it("do not come after one that failed", async () => {
        const turns = new Turns(alphabetically, limits);
        await Promise.all([
            turns.take("a").then(() => turns.end("a", "failed")),
            expect(turns.take("b")).rejects.toThrow("b is left as it is, because the change of a failed"),
        ]);
    });

    it("come to none if the order cannot be found", async () => {
        const turns = new Turns(() => Promise.reject(new Error("no node answers")), limits);
        await Promise.all(["a", "b"].map((name) => expect(turns.take(name)).rejects.toThrow("no node answers")));
    });
});
