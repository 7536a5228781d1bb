import assert from "node:assert/strict";
import { test } from "node:test";

import { explainFailure } from "../../../../core/runtime/failure.ts";

const withCode = (code: unknown, message = "fetch failed") =>
  Object.assign(new Error(message), { code });

test("explainFailure knows the codes of node, at whatever depth", () => {
  const table = [
    ["ECONNREFUSED", "refused", /refused/],
    ["ENOTFOUND", "unresolved", /not known/],
    ["EAI_AGAIN", "unresolved", /looked up/],
    ["EHOSTUNREACH", "unreachable", /unreachable/],
    ["ETIMEDOUT", "unreachable", /timed out/],
    ["ECONNRESET", "lost", /half-way/],
    ["EPROTO", "tls", /TLS/],
    ["CERT_HAS_EXPIRED", "certificate", /expired/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate", /signed .* itself/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate", /another name/],
    ["CERT_REVOKED", "certificate", /CERT_REVOKED/],
    ["CERT_SIGNATURE_FAILURE", "certificate", /CERT_SIGNATURE_FAILURE/],
  ] as const;
  for (const [code, failure, reason] of table) {
    for (
      const error of [
        withCode(code),
        new TypeError("x", { cause: new Error("y", { cause: withCode(code) }) }),
      ]
    ) {
      const explained = explainFailure(error);
      assert.equal(explained.failure, failure, code);
      assert.match(explained.reason, reason);
    }
  }
});

test("explainFailure knows the words of a runtime without codes", () => {
  const table = [
    ["error sending request: tcp connect error: Connection refused (os error 111)", "refused"],
    ["dns error: failed to lookup address information: Name or service not known", "unresolved"],
    ["No route to host (os error 113)", "unreachable"],
    ["invalid peer certificate: UnknownIssuer", "certificate"],
    ["invalid peer certificate: certificate expired: verification time 5", "certificate"],
    ['invalid peer certificate: certificate not valid for name "h"', "certificate"],
    ["invalid peer certificate: BadEncoding", "certificate"],
    ["received corrupt message of type InvalidContentType", "tls"],
    ["connection closed before message completed", "lost"],
    ["Connection reset by peer (os error 104)", "lost"],
    ["Broken pipe (os error 32)", "lost"],
  ] as const;
  for (const [message, failure] of table) {
    assert.equal(
      explainFailure(new TypeError("failed", { cause: new Error(message) })).failure,
      failure,
      message,
    );
  }
});

test("explainFailure takes whatever is thrown", () => {
  const circle = new Error("round");
  circle.cause = circle;
  const thrown = ["text", undefined, null, 5, {}, new Error(""), new Error("odd\nsecond"), circle];
  for (
    const error of [
      ...thrown,
      ...["constructor", "__proto__", "toString", 5, null].map((code) => withCode(code)),
    ]
  ) {
    const { failure, reason } = explainFailure(error);
    assert.equal(failure, "other");
    assert.match(reason, /^[^\n]+$/);
  }
  assert.equal(explainFailure(new Error("odd\nsecond")).reason, "odd");
  assert.ok(explainFailure(new Error("x".repeat(100_000))).reason.length <= 201);
});
