import { expect, test } from "vitest";
import { SingleFlight } from "./single-flight.ts";

test("runs never overlap and each request is served by a run that began after it", async () => {
    let version = 0;
    let active = 0;
    let runs = 0;
    let seen = 0;
    const flight = new SingleFlight(async () => {
        expect(++active).toBe(1);
        runs++;
        const began = version;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
        seen = began;
        active--;
    });
    const request = async () => {
        const mine = ++version;
        await flight.request();
        expect(seen).toBeGreaterThanOrEqual(mine);
    };
    const clients = Array.from({ length: 20 }, async () => {
        for (let round = 0; round < 10; round++) {
            await request();
            if (Math.random() < 0.3) await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
        }
    });
    await Promise.all(clients);
    expect(runs).toBeLessThan(150);
});

test("a failure reaches those it concerns and no one else", async () => {
    let runs = 0;
    const flight = new SingleFlight(() => (++runs === 1 ? Promise.reject(new Error("disk full")) : Promise.resolve()));
    const first = flight.request();
    const second = flight.request();
    await expect(first).rejects.toThrow("disk full");
    await expect(second).resolves.toBeUndefined();
    expect(runs).toBe(2);
});
