import assert from "node:assert/strict";
import { test } from "node:test";

import {
  compareText,
  compareVersions,
  tryParseVersion,
} from "../../../../core/selection/version.ts";
import { assertFast } from "../../../support/assert_error.ts";
import { forEachSeed, type Random } from "../../../support/random.ts";

const HUGE = "9".repeat(30);

test("tryParseVersion reads versions as tags write them", () => {
  const table: readonly (readonly [string, string, string])[] = [
    ["1", "1", ""],
    ["v1", "1", ""],
    ["V2.0", "2 0", ""],
    ["00012", "12", ""],
    ["0.0.00", "0 0 0", ""],
    ["2024.01.02", "2024 1 2", ""],
    [HUGE, HUGE, ""],
    ["1.2.3-alpine3.18", "1 2 3", "alpine3 18"],
    ["3.18_p1", "3 18", "p1"],
    ["1.0-rc.1-x_y", "1 0", "rc 1 x y"],
    ["1.2.3.4.5", "1 2 3 4 5", ""],
  ];
  for (const [tag, numbers, suffix] of table) {
    const version = tryParseVersion(tag);
    assert.deepEqual(
      [version?.numbers.join(" "), version?.suffix.join(" ")],
      [numbers, suffix],
      tag,
    );
  }
  const none = [
    "",
    "v",
    "latest",
    "1.",
    ".1",
    "1..2",
    "vv1",
    "1-",
    "-1",
    "alpine3.18",
    "1.x",
    "1a",
  ];
  none.push("v-1", "1 ", " 1", "1\n", "١", "1.2.3+b", "1-é", "1/2", "0x10", "1.-2");
  for (const tag of none) assert.equal(tryParseVersion(tag), undefined, JSON.stringify(tag));
});

test("compareVersions orders tags as people do", () => {
  const sorted = [
    ...["0", "1.0-1", "1.0-2", "1.0-10", "1.0-alpha", "1.0-alpha.1", "1.0-alpha.beta"],
    ...[
      "1.0-beta",
      "1.0-rc",
      "1.0-rc1",
      "1.0-rc2",
      "1.0_rc10",
      "1.0.0-rc11",
      "00001",
      "1",
      "1.0",
      "1.0.0",
    ],
    ...["v1", "1.2.3-alpine3.9", "1.2.3-alpine3.18", "1.2.3", "1.2.3.1", "1.9", "1.10", "V2"],
    ...["2024.1.2-x", "2024.01.03", "20240101", HUGE.slice(1), `${HUGE}-rc1`, HUGE, `1${HUGE}`],
    ...["", "1-", "1.", "Latest", "alpine3.18", "latest", "v"],
  ];
  forEachSeed(50, (random) => {
    const mixed = [...sorted];
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [mixed[i], mixed[j]] = [mixed[j] ?? "", mixed[i] ?? ""];
    }
    assert.deepEqual(mixed.sort(compareVersions), sorted);
  });
});

test("compareVersions is a total order", () => {
  const draw = (random: Random) =>
    random.below(4) === 0
      ? random.text("1.-_av0", 0, 5)
      : random.pick(["", "v", "V"]) + random.pick(["1", "01", "1.0", "1.2", "10", HUGE]) +
        random.pick(["", "", "-", "_"]) + random.text("01ra.-", 0, 4);
  const sign = (a: string, b: string) => Math.sign(compareVersions(a, b));
  forEachSeed(3000, (random) => {
    const [a, b, c] = [draw(random), draw(random), draw(random)];
    const shown = JSON.stringify([a, b, c]);
    assert.equal(sign(a, b) + sign(b, a), 0, shown);
    assert.equal(sign(a, b) === 0, a === b, shown);
    if (sign(a, b) < 0 && sign(b, c) < 0) assert.equal(sign(a, c), -1, shown);
  });
});

test("compareText is ASCII order in every locale", () => {
  const names = ["a", "_x", "B", "1.9", "v1", "1.10", "Z", "A"];
  assert.deepEqual(names.sort(compareText), ["1.10", "1.9", "A", "B", "Z", "_x", "a", "v1"]);
});

test("compareVersions takes linear time in a hostile tag", () => {
  const size = 64 * 1024;
  for (
    const long of ["1".repeat(size), "1.".repeat(size / 2), "0".repeat(size), "1a".repeat(size / 2)]
  ) {
    for (
      const [a, b] of [[`1-${long}a`, `1-${long}b`], [`${long}1`, `${long}2`], [
        `${long}/`,
        long,
      ]] as const
    ) {
      assertFast(a.slice(0, 12), () => compareVersions(a, b));
    }
  }
});
