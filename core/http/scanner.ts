/** Walks through a header's value piece by piece. Linear where the patterns are. */
export class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The character at hand; undefined at the end. */
  get next(): string | undefined {
    return this.#text[this.#position];
  }

  /** Steps over what a sticky pattern matches here, and gives the match. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text);
    if (!match) return undefined;
    this.#position = pattern.lastIndex;
    return match;
  }
}
