import pg from "pg";
import { expect, test } from "vitest";
import { AlertCastError } from "../errors.ts";
import { translatePostgresError } from "./postgres-pool.ts";

function databaseError(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError("the driver's words", 10, "error");
  error.code = code;
  return error;
}

function networkError(code: string): Error {
  return Object.assign(new Error(`connect ${code} 10.0.0.7:5432`), { code });
}

test.each([
  "08006",
  "57P01",
  "57P03",
  "53300",
  "53100",
  "57014",
  "55P03",
  "25P03",
  "40001",
  "40P01",
  "25006",
  "28P01",
  "3D000",
  "42P01",
])("SQLSTATE %s may pass", (code) => expect(translatePostgresError(databaseError(code)).code).toBe("unavailable"));

test.each(["23505", "22021", "42601", "25P02", "57000"])("SQLSTATE %s is a fault of ours", (code) =>
  expect(translatePostgresError(databaseError(code)).code).toBe("internal"),
);

test("lost, refused and slow connections may pass, several addresses at once included", () => {
  for (const error of [
    networkError("ECONNREFUSED"),
    networkError("ECONNRESET"),
    networkError("EAI_AGAIN"),
    networkError("CERT_HAS_EXPIRED"),
    new AggregateError([networkError("ECONNREFUSED"), networkError("ECONNREFUSED")]),
    new Error("Connection terminated unexpectedly"),
    new Error("timeout exceeded when trying to connect"),
    new Error("Query read timeout"),
  ]) {
    expect(translatePostgresError(error).code).toBe("unavailable");
  }
});

test("the message holds a code but none of the driver's words, the cause has all", () => {
  const network = networkError("ECONNREFUSED");
  expect(translatePostgresError(network)).toMatchObject({
    message: "PostgreSQL does not answer (ECONNREFUSED)",
    cause: network,
  });
  expect(translatePostgresError(databaseError("28P01")).message).toBe("PostgreSQL refuses the login (28P01)");
  expect(translatePostgresError(networkError("SELF_SIGNED_CERT_IN_CHAIN")).message).toBe(
    "PostgreSQL shows a certificate that is not trusted (SELF_SIGNED_CERT_IN_CHAIN)",
  );
  expect(translatePostgresError(databaseError("42601")).message).toBe("PostgreSQL refused a statement (42601)");
});

test("an error of ours stays as it is, anything unknown is internal", () => {
  const own = new AlertCastError("fenced", "another owner");
  expect(translatePostgresError(own)).toBe(own);
  expect(translatePostgresError(new TypeError("x is not a function")).code).toBe("internal");
  expect(translatePostgresError("text").code).toBe("internal");
});
