import { defineConfig } from "vitest/config";

// A test waits for real processes and databases on machines that are busy with other things; a hang must still end.
const TEST_TIMEOUT_MS = 30_000;

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    globalSetup: ["test/global-setup.ts"],
    // A process per file: a crash or a leak in one file is not the next file's riddle.
    pool: "forks",
    // Node loads the tests as it loads the server: what runs here is what runs in production, and no bundler's idea of it.
    experimental: { viteModuleRunner: false },
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    teardownTimeout: TEST_TIMEOUT_MS,
  },
});
