import { defineConfig } from "vitest/config";

// A test waits for real processes and databases on machines that are busy with other things; a hang must still end.
const TEST_TIMEOUT_MS = 30_000;

// They bring a PostgreSQL of their own to kill and to freeze: another one to run on changes nothing for them.
const OWN_SERVERS = ["test/faults/**", "test/up.test.ts", "src/platform/postgres/**"];

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    // Tests mostly wait; but where every kill counts and nobody watches, one file at a time has both cores for itself.
    maxWorkers: process.env["CI"] && !process.env["DATABASE_URL"] ? 1 : 2,
    exclude: process.env["DATABASE_URL"] ? OWN_SERVERS : [],
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
