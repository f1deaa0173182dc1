import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";

import { doLab } from "./support/labs";
import { fromNothing, local, repository } from "./support/stand";

/** Each page of the labs, as a reader does it: its commands are typed and must print what the page shows. */
const labs = readdirSync(join(repository, "docs/labs")).filter((name) => /^\d\d-.*\.md$/.test(name)).sort();

let restoreStackFile: () => void;

beforeAll(async () => {
    restoreStackFile = await fromNothing();
    await local();
});

afterAll(async () => {
    await local("down");
    restoreStackFile();
});

describe("a lab prints what its page shows:", () => {
    test.each(labs)("%s", (name) => doLab(`docs/labs/${name}`));
});
