import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// A test waits for real processes and databases on machines that are busy with other things; a hang must still end.
const TEST_TIMEOUT_MS = 30_000;
/** What takes a minute or more: begun first, the other files fill the time beside it. */
const LONG = ["faults/mutants", "messaging/engines", "search/rebuild"];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isShort = ({ moduleId }: TestSpecification) =>
      Number(!LONG.some((name) => moduleId.includes(`${name}.test`)));
    // oxlint-disable-next-line unicorn/no-array-sort -- the sequencer's own, which is no array's
    return (await super.sort(files)).toSorted((one, other) => isShort(one) - isShort(other));
  }
}

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    globalSetup: ["test/global-setup.ts"],
    sequence: { sequencer: LongFirst },
    // A process per file: a crash or a leak in one file is not the next file's riddle.
    pool: "forks",
    // Node loads the tests as it loads the server: what runs here is what runs in production, and no bundler's idea of it.
    experimental: { viteModuleRunner: false },
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    teardownTimeout: TEST_TIMEOUT_MS,
  },
});
