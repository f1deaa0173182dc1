import { expect, test } from "vitest";
import { Locks } from "./locks.ts";

test("work on one resource is done one after another, in order", async () => {
    const locks = new Locks();
    const done: number[] = [];
    await Promise.all(
        [3, 2, 1].map((delay, index) =>
            locks.hold(["a"], async () => {
                await new Promise((resolve) => setTimeout(resolve, delay));
                done.push(index);
            }),
        ),
    );
    expect(done).toEqual([0, 1, 2]);
});

test("work on different resources goes on side by side", async () => {
    const locks = new Locks();
    let release = () => {};
    const first = locks.hold(["a"], () => new Promise<void>((resolve) => (release = resolve)));
    await locks.hold(["b"], async () => undefined);
    release();
    await first;
});

test("overlapping holders never wait for each other", async () => {
    const locks = new Locks();
    let active = 0;
    const work = async () => {
        expect(++active).toBe(1);
        await Promise.resolve();
        active--;
    };
    await Promise.all([locks.hold(["a", "b"], work), locks.hold(["b", "a"], work), locks.hold(["a", "b"], work)]);
});

test("a failure does not block those who wait", async () => {
    const locks = new Locks();
    const failing = locks.hold(["a"], () => Promise.reject(new Error("no")));
    const next = locks.hold(["a"], async () => "done");
    await expect(failing).rejects.toThrow("no");
    expect(await next).toBe("done");
});
