import { describe, expect, it } from "vitest";
import { rpmVersion } from "./version.ts";

describe("rpmVersion", () => {
    it.each([
        ["17.12-0+deb13u1", "17.12"],
        ["4.0.7-3~deb13u1", "4.0.7"],
        ["1:6.14.2-1", "6.14.2"],
        ["7.95+dfsg-3", "7.95"],
        ["0.2.13+dfsg1-1", "0.2.13"],
        ["8.2.0+0.really.8.1.8-1", "8.1.8"],
        ["3.0~rc1-2", "3.0"],
        ["1.0-beta-2", "1.0.beta"],
        ["2.0", "2.0"],
    ])("maps %s to %s", (debian, rpm) => {
        expect(rpmVersion(debian)).toBe(rpm);
    });

    it("refuses a version without an upstream part", () => {
        expect(() => rpmVersion("~1-1")).toThrow('Debian version "~1-1" has no upstream part');
    });
});
