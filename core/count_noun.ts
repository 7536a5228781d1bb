/** `1 tag`, `2 tags`: of nouns whose plural ends in s. */
export function countNoun(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
