// Who may import whom. Type-only imports count like any other.
// Reads with the TypeScript 6 API: TypeScript 7 has none yet, and the swc parser does not know `await using`.

const DOMAIN = "^pkg/(event|rule|ticket)/";
const PORTS = "^pkg/(log|count)/";
const SERVICES = "^pkg/(ingestor|processor|api|relay|operator|dashboard)/";
const TOOLS = "^pkg/(config|http|telemetry|lifecycle)/";
const ERRORS = "^pkg/errors[.]ts$";
// One driver each; `postgres-commit.ts` is a part of the PostgreSQL adapter.
const ADAPTERS = "^pkg/([a-z]+)/(kafka|postgres|redis|kube|memory|file)[.-][^/]*ts$";
// Tests may import anything but cmd/; a port's contract suite is a test.
const TESTS = "([.]test[.]ts|/contract[.]ts)$|^(test|bench)/";
const DRIVERS = "(^|/)node_modules/(kafkajs|pg|ioredis|@kubernetes/client-node|@electric-sql/[^/]+)/";
const PURE_BUILT_INS = "^(assert|buffer|crypto|util|zlib)$";

const forbidden = [
  {
    severity: "error",
    name: "no-cycles",
    comment: "No module is reached from itself; a type-only import back does no harm when run, but still couples both.",
    from: {},
    to: { circular: true },
  },
  {
    severity: "error",
    name: "nothing-imports-cmd",
    comment: "cmd/ composes; nobody imports it.",
    from: { pathNot: "^cmd/" },
    to: { path: "^cmd/" },
  },
  {
    severity: "error",
    name: "domain-knows-only-domain",
    comment: "The domain imports domain code and errors.ts.",
    from: { path: DOMAIN, pathNot: [ADAPTERS, TESTS] },
    to: { path: "^(pkg|test|bench)/", pathNot: [DOMAIN, ERRORS] },
  },
  {
    severity: "error",
    name: "domain-does-no-io",
    comment: "Of Node's built-in modules the domain uses only those that compute.",
    from: { path: DOMAIN, pathNot: [ADAPTERS, TESTS] },
    to: { dependencyTypes: ["core"], pathNot: PURE_BUILT_INS },
  },
  {
    severity: "error",
    name: "ports-know-only-domain",
    comment: "A port imports domain types, its own folder and errors.ts.",
    from: { path: PORTS, pathNot: [ADAPTERS, TESTS] },
    to: { path: "^(pkg|test|bench)/", pathNot: [DOMAIN, "^pkg/$1/", ERRORS] },
  },
  {
    severity: "error",
    name: "services-know-no-service",
    comment: "A service imports domain, ports and tools, never another service.",
    from: { path: "^pkg/(ingestor|processor|api|relay|operator|dashboard)/", pathNot: TESTS },
    to: { path: SERVICES, pathNot: "^pkg/$1/" },
  },
  {
    severity: "error",
    name: "tools-know-no-service",
    comment: "Tools serve everybody and know neither services nor ports.",
    from: { path: TOOLS, pathNot: TESTS },
    to: { path: [SERVICES, PORTS] },
  },
  {
    severity: "error",
    name: "adapters-belong-to-cmd",
    comment: "Only cmd/, tests and the adapter's own files import an adapter.",
    from: { path: "^pkg/", pathNot: [ADAPTERS, TESTS] },
    to: { path: ADAPTERS },
  },
  {
    severity: "error",
    name: "adapters-know-no-service",
    comment: "An adapter fulfils a port; it imports domain, ports and tools.",
    from: { path: ADAPTERS, pathNot: TESTS },
    to: { path: SERVICES, pathNot: "^pkg/$1/" },
  },
  {
    severity: "error",
    name: "drivers-stay-in-adapters",
    comment:
      "Packages that talk to Kafka, PostgreSQL, Redis or Kubernetes are imported by adapters, cmd/ and tests only.",
    from: { path: "^pkg/", pathNot: [ADAPTERS, TESTS] },
    to: { path: DRIVERS },
  },
  {
    severity: "error",
    name: "no-test-code-in-products",
    comment: "What runs in production imports neither tests nor benchmarks.",
    from: { path: "^(pkg|cmd)/", pathNot: TESTS },
    to: { path: TESTS },
  },
  {
    severity: "error",
    name: "no-dev-packages-in-products",
    comment: "What runs in production imports no devDependency (types excepted).",
    from: { path: "^(pkg|cmd)/", pathNot: TESTS },
    to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"] },
  },
  {
    severity: "error",
    name: "everything-resolves",
    comment: "An import that leads nowhere is a mistake.",
    from: {},
    to: { couldNotResolve: true },
  },
];

export default {
  forbidden,
  options: {
    parser: "tsc",
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
