import { ensureRoots } from "./debian-roots.ts";

/** Runs once before the unit tests, so that no test waits for a build inside its own time limit. */
export default ensureRoots;
