import { expect, test } from "vitest";
import { updatedFields } from "./masks.ts";

const allowed = ["name", "labels", "v4_cidr_blocks"] as const;

test("a mask names the fields", () => {
    expect([...updatedFields({ paths: ["labels", "v4_cidr_blocks"] }, allowed)]).toEqual(["labels", "v4_cidr_blocks"]);
});

test("no mask or an empty one means all fields", () => {
    expect([...updatedFields(undefined, allowed)]).toEqual(allowed);
    expect([...updatedFields({ paths: [] }, allowed)]).toEqual(allowed);
});

test("an unknown field is refused", () => {
    expect(() => updatedFields({ paths: ["name", "zone_id"] }, allowed)).toThrow(
        "unknown field zone_id; allowed: name, labels, v4_cidr_blocks",
    );
});
