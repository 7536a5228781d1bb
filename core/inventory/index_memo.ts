import type { Manifest } from "../oci/manifest.ts";

/** What indexes that are kept list, all together: as many as a thousand real ones do. */
const MAX_LISTED = 20_000;

/** Indexes that were read, so that none is read twice; those that list too much are forgotten again. */
export class IndexMemo {
  readonly #kept = new Map<string, Promise<Manifest>>();
  readonly #sizes = new Map<string, number>();
  #listed = 0;

  /** The index of a digest: as it was read before, or as `read` gives it. */
  get(digest: string, read: () => Promise<Manifest>): Promise<Manifest> {
    const known = this.#kept.get(digest);
    if (known) return known;
    const begun = read();
    this.#kept.set(digest, begun);
    begun.then(({ manifests }) => this.#note(digest, manifests.length), () => {
      // Thrown where it is waited for, and for whoever asks again.
    });
    return begun;
  }

  #note(digest: string, size: number): void {
    this.#sizes.set(digest, size);
    this.#listed += size;
    for (const [oldest, count] of this.#sizes) {
      if (this.#listed <= MAX_LISTED) return;
      this.#kept.delete(oldest);
      this.#sizes.delete(oldest);
      this.#listed -= count;
    }
  }
}
